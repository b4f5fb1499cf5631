import EmberRuntime
import EmberTensor

/// Sequences of different lengths without padding: for each time the elements of those that are still going on, the longest sequence first.
///
/// Made by `packPaddedSequence` or `packSequence`; recurrent layers take and return it.
public struct PackedSequence: Sendable {
  /// [sum of lengths, ...]: all sequences' elements of time 0, then of time 1, ….
  public var data: Tensor
  /// How many sequences have an element at each time; never rising.
  public let batchSizes: [Int]
  /// Where each packed sequence was in the batch that was packed; nil if the order was not changed.
  public let sortedIndices: [Int]?
  /// Where each sequence of the original batch is now.
  public let unsortedIndices: [Int]?

  public init(data: Tensor, batchSizes: [Int], sortedIndices: [Int]? = nil, unsortedIndices: [Int]? = nil) {
    self.data = data
    self.batchSizes = batchSizes
    self.sortedIndices = sortedIndices
    self.unsortedIndices = unsortedIndices ?? sortedIndices.map(PackedSequence.inverse)
  }

  /// The same sequences with other data, such as a layer's results.
  public func with(_ data: Tensor) -> PackedSequence {
    PackedSequence(data: data, batchSizes: batchSizes, sortedIndices: sortedIndices, unsortedIndices: unsortedIndices)
  }

  static func inverse(_ order: [Int]) -> [Int] {
    var inverse = Array(repeating: 0, count: order.count)
    for (i, position) in order.enumerated() { inverse[position] = i }
    return inverse
  }
}

/// Packs sequences that are padded to one length: [time, batch, ...], or [batch, time, ...] with `batchFirst`.
///
/// - Parameters:
///   - lengths: of the sequences, from 1 to the padded length.
///   - enforceSorted: the lengths must fall already; otherwise the sequences are sorted, and `padPackedSequence` puts them back.
public func packPaddedSequence(_ input: Tensor, lengths: [Int], batchFirst: Bool = false, enforceSorted: Bool = true) -> PackedSequence {
  let name = "packPaddedSequence"
  let empty = PackedSequence(data: input, batchSizes: [])
  guard !ErrorScopes.hasFailed else { return empty }
  guard input.rank >= 2 else {
    raise(EmberError(.shape, in: name, "input \(input.dtype)\(input.shape); it must be [time, batch, ...], or [batch, time, ...] with batchFirst"))
    return empty
  }
  var padded = batchFirst ? input.transpose(0, 1) : input
  let (time, batch) = (padded.shape[0], padded.shape[1])
  guard lengths.count == batch, batch > 0, lengths.allSatisfy({ $0 >= 1 && $0 <= time }) else {
    raise(EmberError(.value, in: name, "lengths \(lengths) for \(batch) sequences padded to \(time); give one for each, from 1 to \(time)"))
    return empty
  }
  var sorted = lengths
  var order: [Int]?
  if !enforceSorted {
    // Stable, as PyTorch's.
    let positions = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
    order = positions
    sorted = positions.map { lengths[$0] }
    padded = padded.indexSelect(1, Tensor(positions, on: input.device))
  } else if zip(lengths, lengths.dropFirst()).contains(where: { $0 < $1 }) {
    raise(EmberError(.value, in: name, "lengths \(lengths) do not fall; sort the sequences, or pass enforceSorted: false"))
    return empty
  }
  let sizes = (0..<sorted[0]).map { t in sorted.count { $0 > t } }
  let data = cat(sizes.enumerated().map { t, size in padded.select(0, t).narrow(0, start: 0, length: size) })
  return PackedSequence(data: data, batchSizes: sizes, sortedIndices: order)
}

/// Packs sequences [time, ...] of different lengths.
public func packSequence(_ sequences: [Tensor], enforceSorted: Bool = true) -> PackedSequence {
  packPaddedSequence(padSequence(sequences), lengths: sequences.map { $0.shape[0] }, enforceSorted: enforceSorted)
}

/// The sequences padded to the longest, or to `totalLength`, in their original order, and their lengths.
public func padPackedSequence(
  _ sequence: PackedSequence, batchFirst: Bool = false, paddingValue: Double = 0, totalLength: Int? = nil
) -> (output: Tensor, lengths: [Int]) {
  let sizes = sequence.batchSizes, data = sequence.data
  guard !ErrorScopes.hasFailed, let batch = sizes.first else { return (data, []) }
  if let totalLength, totalLength < sizes.count {
    raise(EmberError(.value, in: "padPackedSequence", "a total length of \(totalLength); the longest sequence has \(sizes.count) elements"))
    return (data, [])
  }
  let rest = Array(data.shape.dropFirst())
  var start = 0
  var rows = sizes.map { size -> Tensor in
    defer { start += size }
    let part = data.narrow(0, start: start, length: size)
    if size == batch { return part }
    return cat([part, Tensor.full([batch - size] + rest, .real(paddingValue), dtype: data.dtype, on: data.device)])
  }
  for _ in sizes.count..<Swift.max(totalLength ?? 0, sizes.count) {
    rows.append(Tensor.full([batch] + rest, .real(paddingValue), dtype: data.dtype, on: data.device))
  }
  var output = stack(rows)
  var lengths = (0..<batch).map { i in sizes.count { $0 > i } }
  if let unsorted = sequence.unsortedIndices {
    output = output.indexSelect(1, Tensor(unsorted, on: data.device))
    lengths = unsorted.map { lengths[$0] }
  }
  return (batchFirst ? output.transpose(0, 1) : output, lengths)
}

/// Sequences [time, ...] of different lengths as one tensor [longest, batch, ...], or [batch, longest, ...] with `batchFirst`.
///
/// - Parameter paddingSide: where the padding goes.
public func padSequence(
  _ sequences: [Tensor], batchFirst: Bool = false, paddingValue: Double = 0, paddingSide: PaddingSide = .right
) -> Tensor {
  guard let first = sequences.first else {
    raise(EmberError(.value, in: "padSequence", "there are no sequences"))
    return Tensor.zeros([0])
  }
  let rest = Array(first.shape.dropFirst())
  guard first.rank >= 1, sequences.allSatisfy({ $0.rank >= 1 && Array($0.shape.dropFirst()) == rest && $0.dtype == first.dtype }) else {
    let shapes = sequences.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ")
    raise(EmberError(.shape, in: "padSequence", "sequences \(shapes); they must be [time, ...] and differ in their time only"))
    return first
  }
  let longest = sequences.map { $0.shape[0] }.max()!
  let padded = sequences.map { sequence -> Tensor in
    let missing = longest - sequence.shape[0]
    if missing == 0 { return sequence }
    let padding = Tensor.full([missing] + rest, .real(paddingValue), dtype: first.dtype, on: first.device)
    return cat(paddingSide == .right ? [sequence, padding] : [padding, sequence])
  }
  return stack(padded, dim: batchFirst ? 0 : 1)
}

/// Where `padSequence` puts padding.
public enum PaddingSide: Sendable { case left, right }

/// The counterpart of `padSequence`: the sequences without their padding.
public func unpadSequence(_ padded: Tensor, lengths: [Int], batchFirst: Bool = false) -> [Tensor] {
  let sequences = batchFirst ? padded : padded.transpose(0, 1)
  guard ErrorScopes.hasFailed || sequences.rank >= 2 && lengths.count == sequences.shape[0] && lengths.allSatisfy({ $0 <= sequences.shape[1] }) else {
    raise(EmberError(.value, in: "unpadSequence", "lengths \(lengths) for sequences \(padded.dtype)\(padded.shape)"))
    return lengths.map { _ in padded }
  }
  return lengths.enumerated().map { i, length in sequences.select(0, i).narrow(0, start: 0, length: length) }
}
