import EmberRuntime
import EmberTensor

/// Sequences of different lengths without padding: the first elements of all, longest sequence first, then the second ones of those
/// that have one, and so on. Recurrent layers take and return it.
///
/// Of `abc` and `x` the data are `axbc`, the batch sizes 2, 1, 1.
public struct PackedSequence: Sendable {
  /// [sum of batchSizes, ...]
  public var data: Tensor
  /// How many sequences have each step; never more than the step before.
  public let batchSizes: [Int]
  /// The sequence of the batch that comes first, second, … here; nil if they came sorted. int64 [batch]
  public let sortedIndices: Tensor?
  /// Where each sequence of the batch stands here.
  public let unsortedIndices: Tensor?

  /// - Parameter unsortedIndices: the inverse of `sortedIndices`, from which it is computed if it is left out.
  public init(data: Tensor, batchSizes: [Int], sortedIndices: Tensor? = nil, unsortedIndices: Tensor? = nil) {
    let isOrdered = zip(batchSizes, batchSizes.dropFirst()).allSatisfy { $0 >= $1 } && (batchSizes.last ?? 1) > 0
    var (data, unsorted) = (data, unsortedIndices ?? sortedIndices.map { $0.argsort() })
    let total = batchSizes.reduce(0, +)
    if !data.isPoisoned, !isOrdered || data.rank == 0 || data.shape[0] != total {
      raise(
        EmberError(
          .shape, in: "PackedSequence",
          "data \(data.summary) with batch sizes \(batchSizes): they must be positive, never grow, and add up to the rows of the data"))
      data = .poison
    }
    for indices in [sortedIndices, unsorted] {
      if let indices, !indices.isPoisoned, !data.isPoisoned,
        indices.dtype != .int64 || Array(indices.shape) != [batchSizes.first ?? 0]
      {
        raise(EmberError(.shape, in: "PackedSequence", "indices \(indices.summary); they must be int64[\(batchSizes.first ?? 0)]"))
        unsorted = nil
      }
    }
    self.data = data
    self.batchSizes = batchSizes
    self.sortedIndices = sortedIndices
    self.unsortedIndices = unsorted
  }

  /// The same sequences with other data, of which there are as many rows.
  public func with(data: Tensor) -> PackedSequence {
    PackedSequence(data: data, batchSizes: batchSizes, sortedIndices: sortedIndices, unsortedIndices: unsortedIndices)
  }

  public func to(_ dtype: DType) -> PackedSequence { with(data: data.to(dtype)) }

  public func to(_ device: Device) -> PackedSequence {
    PackedSequence(
      data: data.to(device), batchSizes: batchSizes, sortedIndices: sortedIndices?.to(device), unsortedIndices: unsortedIndices?.to(device))
  }

  /// The lengths of the sequences in their order here.
  var sortedLengths: [Int] {
    var lengths = Array(repeating: 0, count: batchSizes.first ?? 0)
    for size in batchSizes { for i in 0..<size { lengths[i] += 1 } }
    return lengths
  }

  fileprivate static let poison = PackedSequence(data: .poison, batchSizes: [])
}

private func refusal(_ name: String, _ kind: EmberError.Kind, _ message: String) -> PackedSequence {
  raise(EmberError(kind, in: name, message))
  return .poison
}

/// Packs padded sequences [steps, batch, ...], or with `batchFirst` [batch, steps, ...]. What lies beyond a length is left out.
///
/// - Parameters:
///   - lengths: one for each sequence, at least 1.
///   - enforceSorted: the sequences come longest first; false sorts them here, and results are put back in order by `padPackedSequence`.
public func packPaddedSequence(
  _ input: Tensor, _ lengths: [Int], batchFirst: Bool = false, enforceSorted: Bool = true
) -> PackedSequence {
  let name = "packPaddedSequence"
  guard mayRunSlowly(name, [input]) else { return .poison }
  guard input.rank >= 2 else { return refusal(name, .shape, "\(input.summary): it must have dimensions for the steps and the batch") }
  let steps = input.shape[batchFirst ? 1 : 0], batch = input.shape[batchFirst ? 0 : 1]
  guard lengths.count == batch, batch > 0 else {
    return refusal(name, .shape, "\(lengths.count) lengths for \(input.summary), which holds \(batch) sequences")
  }
  guard lengths.allSatisfy({ $0 >= 1 && $0 <= steps }) else {
    return refusal(name, .value, "lengths \(lengths) for \(input.summary); each must be in 1 ... \(steps)")
  }
  var (order, x) = (Array(0..<batch), batchFirst ? input.transpose(0, 1) : input)
  if !enforceSorted {
    order.sort { (lengths[$0], $1) > (lengths[$1], $0) }
  } else if zip(lengths, lengths.dropFirst()).contains(where: { $0 < $1 }) {
    return refusal(name, .value, "lengths \(lengths) must not grow from one sequence to the next; enforceSorted: false sorts them")
  }
  let longest = lengths.max() ?? 0
  let sizes = (0..<longest).map { step in lengths.count { $0 > step } }
  if longest < steps { x = x.narrow(0, start: 0, length: longest) }
  let sorted = enforceSorted ? nil : Tensor(order).to(input.device)
  let data: Tensor
  if enforceSorted, sizes.last == batch {
    data = x.flatten(0, 1)
  } else {
    let rows = sizes.enumerated().flatMap { step, size in order.prefix(size).map { step * batch + $0 } }
    data = x.flatten(0, 1).indexSelect(0, Tensor(rows).to(input.device))
  }
  return PackedSequence(data: data, batchSizes: sizes, sortedIndices: sorted)
}

/// The same with the lengths in a tensor of integers [batch].
public func packPaddedSequence(
  _ input: Tensor, _ lengths: Tensor, batchFirst: Bool = false, enforceSorted: Bool = true
) -> PackedSequence {
  guard mayRunSlowly("packPaddedSequence", [input, lengths]) else { return .poison }
  guard lengths.rank == 1, lengths.dtype.category == .integer else {
    return refusal("packPaddedSequence", .dtype, "lengths \(lengths.summary); they must be integers of one dimension")
  }
  return packPaddedSequence(input, lengths.elements(as: Int.self), batchFirst: batchFirst, enforceSorted: enforceSorted)
}

/// The sequences with padding, [steps, batch, ...] or with `batchFirst` [batch, steps, ...], in the order in which they were packed, and
/// their lengths.
///
/// - Parameter totalLength: steps of the result, at least the longest length.
public func padPackedSequence(
  _ sequence: PackedSequence, batchFirst: Bool = false, paddingValue: Double = 0, totalLength: Int? = nil
) -> (output: Tensor, lengths: [Int]) {
  let name = "padPackedSequence", data = sequence.data
  let failed = (output: Tensor.poison, lengths: [Int]())
  guard mayRunSlowly(name, [data]) else { return failed }
  let longest = sequence.batchSizes.count, steps = totalLength ?? longest, batch = sequence.batchSizes.first ?? 0
  guard steps >= longest else {
    raise(EmberError(.value, in: name, "totalLength \(steps) is less than the longest sequence's length \(longest)"))
    return failed
  }
  // Padding is a row behind all others.
  let rowShape = Array(data.shape.dropFirst())
  let padding = Tensor.full([1] + rowShape, .real(paddingValue), dtype: data.dtype, on: data.device)
  var rows = Array(repeating: data.shape[0], count: steps * batch), next = 0
  for (step, size) in sequence.batchSizes.enumerated() {
    for i in 0..<size { rows[step * batch + i] = next + i }
    next += size
  }
  var output = cat([data, padding]).indexSelect(0, Tensor(rows).to(data.device)).reshape([steps, batch] + rowShape)
  var lengths = sequence.sortedLengths
  if let unsorted = sequence.unsortedIndices {
    output = output.indexSelect(1, unsorted)
    let places = unsorted.elements(as: Int.self)
    lengths = places.map { lengths.indices.contains($0) ? lengths[$0] : 0 }
  }
  return (batchFirst ? output.transpose(0, 1) : output, lengths)
}

/// On which side padding stands.
public enum PaddingSide: String, Sendable {
  case left, right
}

/// Sequences [length, ...] of one trailing shape as one tensor [longest, sequences, ...], or with `batchFirst` [sequences, longest, ...].
public func padSequence(
  _ sequences: [Tensor], batchFirst: Bool = false, paddingValue: Double = 0, paddingSide: PaddingSide = .right
) -> Tensor {
  let name = "padSequence"
  guard mayRunSlowly(name, sequences) else { return .poison }
  guard let first = sequences.first, first.rank > 0,
    sequences.allSatisfy({ $0.rank == first.rank && Array($0.shape.dropFirst()) == Array(first.shape.dropFirst()) })
  else {
    raise(
      EmberError(
        .shape, in: name, "\(sequences.map(\.summary).joined(separator: ", ")): at least one sequence, all alike but for the first extent"))
    return .poison
  }
  let longest = sequences.map { $0.shape[0] }.max() ?? 0
  let padded = sequences.map { sequence -> Tensor in
    let missing = longest - sequence.shape[0]
    if missing == 0 { return sequence }
    let padding = Tensor.full(
      [missing] + Array(first.shape.dropFirst()), .real(paddingValue), dtype: sequence.dtype, on: sequence.device)
    return cat(paddingSide == .right ? [sequence, padding] : [padding, sequence])
  }
  return stack(padded, dim: batchFirst ? 0 : 1)
}

/// The sequences of a padded tensor, each of its length: the inverse of `padSequence`.
public func unpadSequence(_ padded: Tensor, _ lengths: [Int], batchFirst: Bool = false) -> [Tensor] {
  guard mayRunSlowly("unpadSequence", [padded]) else { return lengths.map { _ in .poison } }
  guard padded.rank >= 2, padded.shape[batchFirst ? 0 : 1] == lengths.count,
    lengths.allSatisfy({ $0 >= 0 && $0 <= padded.shape[batchFirst ? 1 : 0] })
  else {
    raise(EmberError(.shape, in: "unpadSequence", "lengths \(lengths) do not fit to \(padded.summary)"))
    return lengths.map { _ in .poison }
  }
  return zip(padded.unbind(batchFirst ? 0 : 1), lengths).map { $0.narrow(0, start: 0, length: $1) }
}

/// Packs sequences [length, ...].
///
/// - Parameter enforceSorted: they come longest first; false sorts them here.
public func packSequence(_ sequences: [Tensor], enforceSorted: Bool = true) -> PackedSequence {
  let padded = padSequence(sequences)
  if padded.isPoisoned { return .poison }
  return packPaddedSequence(padded, sequences.map { $0.shape[0] }, enforceSorted: enforceSorted)
}

/// The sequences that were packed, each of its length.
public func unpackSequence(_ sequence: PackedSequence) -> [Tensor] {
  let (padded, lengths) = padPackedSequence(sequence, batchFirst: true)
  return unpadSequence(padded, lengths, batchFirst: true)
}
