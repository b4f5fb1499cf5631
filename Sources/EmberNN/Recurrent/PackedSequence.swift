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
    self.unsortedIndices = unsortedIndices ?? sortedIndices.flatMap(PackedSequence.inverse)
    let batch = batchSizes.first ?? 0
    let fall = zip(batchSizes, batchSizes.dropFirst()).allSatisfy { $0 >= $1 } && (batchSizes.last ?? 1) > 0
    // A cap, so that a sum of nonsense cannot overflow.
    let total = batchSizes.reduce(0) { min($0, 1 << 40) + max(0, min($1, 1 << 40)) }
    if !ErrorScopes.hasFailed, !batchSizes.isEmpty, !fall || data.rank == 0 || data.shape[0] != total {
      raise(
        EmberError(
          .shape, in: "PackedSequence", "batch sizes \(batchSizes) for data \(data.dtype)\(data.shape); "
            + "they must be positive, never rise, and add up to the first extent of the data"))
    }
    for order in [sortedIndices, self.unsortedIndices] {
      if let order, order.count != batch || PackedSequence.inverse(order) == nil {
        raise(EmberError(.value, in: "PackedSequence", "indices \(order); they must be 0 ..< \(batch) in some order"))
      }
    }
    if sortedIndices != nil, self.unsortedIndices == nil {
      raise(EmberError(.value, in: "PackedSequence", "the sorted indices are not 0 ..< \(batch) in some order"))
    }
  }

  /// The same sequences with other data, such as a layer's results.
  public func with(_ data: Tensor) -> PackedSequence {
    PackedSequence(data: data, batchSizes: batchSizes, sortedIndices: sortedIndices, unsortedIndices: unsortedIndices)
  }

  /// The inverse of an order of 0 ..< count; nil if it is none.
  private static func inverse(_ order: [Int]) -> [Int]? {
    var inverse = Array(repeating: -1, count: order.count)
    for (i, position) in order.enumerated() {
      guard order.indices.contains(position), inverse[position] < 0 else { return nil }
      inverse[position] = i
    }
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
  let padded = batchFirst ? input.transpose(0, 1) : input
  let (time, batch) = (padded.shape[0], padded.shape[1])
  guard lengths.count == batch, batch > 0, lengths.allSatisfy({ $0 >= 1 && $0 <= time }) else {
    raise(EmberError(.value, in: name, "lengths \(lengths) for \(batch) sequences padded to \(time); give one for each, from 1 to \(time)"))
    return empty
  }
  var order = Array(lengths.indices)
  if !enforceSorted {
    // Stable, as PyTorch's.
    order.sort { (lengths[$1], $0) < (lengths[$0], $1) }
  } else if zip(lengths, lengths.dropFirst()).contains(where: { $0 < $1 }) {
    raise(EmberError(.value, in: name, "lengths \(lengths) do not fall; sort the sequences, or pass enforceSorted: false"))
    return empty
  }
  let longest = lengths.max() ?? 0
  let sizes = (0..<longest).map { t in lengths.count { $0 > t } }
  // All rows are taken in one go, so that the gradient is put back in one go.
  let rows = sizes.enumerated().flatMap { t, size in order.prefix(size).map { t * batch + $0 } }
  let data = padded.flatten(0, 1).indexSelect(0, Tensor(rows, on: input.device))
  return PackedSequence(data: data, batchSizes: sizes, sortedIndices: enforceSorted ? nil : order)
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
  let rest = Array(data.shape.dropFirst()), time = totalLength ?? sizes.count
  // Padding is one more row, behind all others.
  var rows = Array(repeating: data.shape[0], count: time * batch), next = 0
  for (t, size) in sizes.enumerated() {
    for i in 0..<size { rows[t * batch + i] = next + i }
    next += size
  }
  let padding = Tensor.full([1] + rest, .real(paddingValue), dtype: data.dtype, on: data.device)
  var output = cat([data, padding]).indexSelect(0, Tensor(rows, on: data.device)).reshape([time, batch] + rest)
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
  guard ErrorScopes.hasFailed || sequences.rank >= 2 && lengths.count == sequences.shape[0] && lengths.allSatisfy({ $0 >= 0 && $0 <= sequences.shape[1] }) else {
    raise(EmberError(.value, in: "unpadSequence", "lengths \(lengths) for sequences \(padded.dtype)\(padded.shape)"))
    return lengths.map { _ in padded }
  }
  return zip(sequences.unbind(0), lengths).map { $0.narrow(0, start: 0, length: $1) }
}

/// The sequences that were packed, in their original order, each of its length.
public func unpackSequence(_ sequence: PackedSequence) -> [Tensor] {
  let (padded, lengths) = padPackedSequence(sequence, batchFirst: true)
  return unpadSequence(padded, lengths: lengths, batchFirst: true)
}
