import CEmberFunctional
import EmberRuntime
import EmberTensor

/// How `embeddingBag` gathers the rows of a bag.
public enum BagMode: String, Sendable {
  case sum, mean, max
}

/// Sums, means or maxima of bags of a table's rows. Inputs: table [entries, features], indices int64 [n], offsets int64 [bags + 1], and
/// perhaps a weight per index. Outputs: [bags, features], for maxima the numbers of the winning rows (int64, -1 in empty bags).
struct EmbeddingBag: VariadicOperation {
  static let name = "embedding_bag"
  static let kernels = KernelTable<@Sendable (EmbeddingBag, [Tensor], Tensor?, [Tensor]) -> Void>(
    name,
    cpu: { op, x, weights, y in
      let mode = op.mode == .sum ? EMBER_BAG_SUM : op.mode == .mean ? EMBER_BAG_MEAN : EMBER_BAG_MAXIMUM
      ember_embedding_bag(
        Int32(x[0].dtype.rawValue), x[0].operand.pointer, x[1].operand.pointer?.assumingMemoryBound(to: Int64.self),
        x[2].operand.pointer!.assumingMemoryBound(to: Int64.self), weights?.operand.pointer, Int64(op.padding ?? -1), Int32(mode.rawValue),
        y[0].operand.pointer, y.count > 1 ? y[1].operand.pointer?.assumingMemoryBound(to: Int64.self) : nil, Int64(y[0].shape[0]),
        Int64(y[0].shape[1]))
    }, cuda: cudaKernel)
  let mode: BagMode
  let padding: Int?
  let scalesByFrequency: Bool
  var saved: SavedTensors { [.input0, .input1, .input(2), .input(3), .output(1)] }
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let table = inputs[0]!, indices = inputs[1]!, offsets = inputs[2]!
    let shape: Shape = [offsets.elementCount - 1, table.shape[1]]
    let y = try Tensor.empty(shape: shape, dtype: table.dtype, like: table)
    let winners = mode == .max ? try Tensor.empty(shape: shape, dtype: .int64, like: table) : nil
    let results = [y] + (winners.map { [$0] } ?? [])
    if let kernel = try Self.kernels.kernel(on: table.device), y.elementCount > 0 {
      kernel(self, [try table.dense(), try indices.dense(), try offsets.dense()], try inputs[3]?.dense(), results)
    }
    return results
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil, nil] }
    let table = context.input(0), weights = context.inputIfPresent(3)
    let indices = context.input(1).detach(), offsets = context.input(2).detach()
    let zeros = Tensor.zeros(Array(table.shape), dtype: g.dtype, on: g.device)
    if mode == .max {
      let winners = context.output(1).detach(), isEmpty = winners .< 0
      return [zeros.scatterAdd(dim: 0, index: winners.maskedFill(isEmpty, 0), source: g.maskedFill(isEmpty, 0)), nil, nil, nil]
    }
    // The bag that each index lies in, and the share that its row has in it.
    let count = indices.elementCount, bags = offsets.elementCount - 1
    let starts = offsets.narrow(0, start: 0, length: bags)
    let marks = Tensor.zeros([count + 1], dtype: .int64, on: g.device).indexAdd(dim: 0, index: starts, source: Tensor.ones(like: starts))
    let bagOf = marks.cumsum(0).narrow(0, start: 0, length: count) - 1
    var share = Tensor.ones([count], dtype: g.dtype, on: g.device)
    if let padding { share = share.maskedFill(indices .== Scalar.integer(Int64(padding)), 0) }
    if mode == .mean {
      let sizes = Tensor.zeros([bags], dtype: g.dtype, on: g.device).indexAdd(dim: 0, index: bagOf, source: share)
      share = share / sizes.indexSelect(0, bagOf).clamp(min: 1)
    }
    let rows = g.indexSelect(0, bagOf)
    var factors = weights.map { share * $0 } ?? share
    // The frequency scales the rows' gradient alone.
    if scalesByFrequency { factors = factors / indices.frequencies(below: table.shape[0]).to(g.dtype) }
    let dTable = context.needs(0) ? zeros.indexAdd(dim: 0, index: indices, source: rows * factors.unsqueeze(1)) : nil
    let dWeights = weights != nil && context.needs(3) ? (rows * table.indexSelect(0, indices)).sum(1) * share : nil
    return [dTable, nil, nil, dWeights]
  }
}

/// x itself; its gradient is multiplied by the second input.
struct ScaledGradient: BinaryOperation {
  static let name = "scaled_gradient"
  let saved: SavedTensors = .input1
  func forward(_ x: Tensor, _ factors: Tensor) -> Tensor { x }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) { (gradient * context.input(1).detach(), nil) }
}

extension Tensor {
  /// How often each of these numbers of 0 ..< limit occurs among them.
  fileprivate func frequencies(below limit: Int) -> Tensor {
    let flat = reshape([-1])
    let counts = Tensor.zeros([limit], dtype: .int64, on: device).indexAdd(dim: 0, index: flat, source: Tensor.ones(like: flat))
    return counts.indexSelect(0, flat).reshape(Array(shape))
  }

  /// These rows, those whose p-norm exceeds the limit scaled down to it; gradients flow as if nothing had been scaled.
  package func limitingRowNorms(_ limit: Double, p: Double) -> Tensor {
    let rows = detach(), size = rows.rowNorm(p, -1, keepDim: true)
    let scale = `where`(size .> Scalar.real(limit), Scalar.real(limit) / (size + Scalar.real(1e-7)), Tensor.ones(like: size))
    return self + (rows * scale - rows)
  }

  /// Rows of the table `weight` [entries, features] numbered by these integers, with the options of PyTorch's embedding.
  ///
  /// - Parameters:
  ///   - paddingIndex: a row that takes no gradient; negative ones count from the end.
  ///   - maxNorm: rows with a larger `normType`-norm are scaled down to it.
  ///   - scalesGradientByFrequency: divides each row's gradient by how often it occurs among the indices.
  public func embedding(
    _ weight: Tensor, paddingIndex: Int?, maxNorm: Double?, normType: Double = 2, scalesGradientByFrequency: Bool = false
  ) -> Tensor {
    guard mayRunSlowly("embedding", [self, weight]) else { return .poison }
    let padding = paddingIndex.map { $0 < 0 && weight.rank > 0 ? $0 + weight.shape[0] : $0 }
    var rows = embedding(weight, paddingIndex: padding)
    if rows.isPoisoned { return rows }
    if scalesGradientByFrequency {
      rows = apply(ScaledGradient(), rows, 1 / to(.int64).frequencies(below: weight.shape[0]).to(weight.dtype).unsqueeze(-1))
    }
    return maxNorm.map { rows.limitingRowNorms($0, p: normType) } ?? rows
  }

  /// Sums, means or maxima of bags of rows of the table `weight` [entries, features].
  ///
  /// These integers are [bags, size], or one-dimensional with `offsets` [bags] saying where each bag begins. Empty bags yield 0.
  /// - Parameters:
  ///   - perSampleWeights: a factor for each index, for sums.
  ///   - includeLastOffset: the last offset is the end of the last bag.
  ///   - paddingIndex: indices that do not count; negative ones count from the end.
  public func embeddingBag(
    _ weight: Tensor, offsets: Tensor? = nil, maxNorm: Double? = nil, normType: Double = 2, scalesGradientByFrequency: Bool = false,
    mode: BagMode = .mean, perSampleWeights: Tensor? = nil, includeLastOffset: Bool = false, paddingIndex: Int? = nil
  ) -> Tensor {
    let name = "embedding_bag"
    guard mayRunSlowly(name, [self, weight, offsets, perSampleWeights]) else { return .poison }
    return attempt { () throws(EmberError) in
      guard weight.rank == 2, weight.dtype.isFloatingPoint, !weight.dtype.isStorageOnly else {
        throw EmberError(.shape, in: name, "weight \(weight.summary); it must be floating point [entries, features]")
      }
      guard rank == 1 || rank == 2, (rank == 1) == (offsets != nil), offsets.map({ $0.rank == 1 && $0.dtype.isInteger }) ?? true else {
        throw EmberError(
          .shape, in: name,
          "indices \(summary) with offsets \(offsets?.summary ?? "missing"): [bags, size] goes without, [n] with integers [bags]")
      }
      if let perSampleWeights, perSampleWeights.shape != shape || mode != .sum || perSampleWeights.dtype != weight.dtype {
        throw EmberError(
          .value, in: name,
          "perSampleWeights \(perSampleWeights.summary): must be \(weight.dtype)\(shape), and go with mode sum only, not \(mode)")
      }
      if mode == .max, scalesGradientByFrequency { throw EmberError(.value, in: name, "mode max does not scale gradients by frequency") }
      let entries = weight.shape[0]
      let padding = paddingIndex.map { $0 < 0 ? $0 + entries : $0 }
      if let padding, padding < 0 || padding >= entries {
        throw EmberError(.index, in: name, "paddingIndex \(paddingIndex!) for weight \(weight.summary)")
      }
      let indices = try checkedIndex(self, in: name).reshape([elementCount])
      var starts: [Int64]
      if let offsets {
        starts = offsets.to(.int64).elements(as: Int64.self)
        if includeLastOffset {
          guard !starts.isEmpty else { throw EmberError(.value, in: name, "includeLastOffset needs at least one offset") }
          // As in PyTorch, the last bag takes what is left.
          if starts.count > 1 { starts[starts.count - 1] = Int64(elementCount) }
        } else {
          starts.append(Int64(elementCount))
        }
        guard starts[0] == 0 || starts.count == 1, starts.last! <= elementCount, zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
        else {
          throw EmberError(.value, in: name, "offsets \(starts) must begin with 0, ascend, and end at most at \(elementCount)")
        }
      } else {
        starts = (0...shape[0]).map { Int64($0 * shape[1]) }
      }
      if elementCount > 0 {
        let table = weight.summary
        try checkElements(name, of: [indices], bounds: [entries]) { all throws(EmberError) in
          let low = all[0].amin().item(as: Int.self), high = all[0].amax().item(as: Int.self)
          guard low >= 0, high < entries else {
            throw EmberError(.index, in: name, "indices from \(low) to \(high) for weight \(table)")
          }
        }
      }
      let used = Int(starts.last!)
      let table = maxNorm.map { weight.limitingRowNorms($0, p: normType) } ?? weight
      let operation = EmbeddingBag(mode: mode, padding: padding, scalesByFrequency: scalesGradientByFrequency)
      let factors = perSampleWeights?.reshape([elementCount]).narrow(0, start: 0, length: used)
      return apply(operation, [table, indices.narrow(0, start: 0, length: used), Tensor(starts, on: device), factors], count: 2)[0]
    }
  }
}

extension OperatorRegistry {
  mutating func addEmbeddings() {
    add(
      "torch.nn.functional.embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, "
        + "float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"
    ) { (x: Tensor, weight: Tensor, padding: Int?, maxNorm: Double?, normType: Double, scales: Bool, _: Bool) in
      x.embedding(weight, paddingIndex: padding, maxNorm: maxNorm, normType: normType, scalesGradientByFrequency: scales)
    }
    add("aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor") {
      (weight: Tensor, x: Tensor, padding: Int, scales: Bool, _: Bool) in
      x.embedding(weight, paddingIndex: padding < 0 ? nil : padding, maxNorm: nil, scalesGradientByFrequency: scales)
    }
    add(
      "torch.nn.functional.embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, "
        + "float norm_type=2, bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, "
        + "Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None) -> Tensor"
    ) {
      (
        x: Tensor, weight: Tensor, offsets: Tensor?, maxNorm: Double?, normType: Double, scales: Bool, word: String, sparse: Bool,
        factors: Tensor?,
        includesLast: Bool, padding: Int?
      ) in
      guard let mode = BagMode(rawValue: word), !(sparse && mode == .max) else {
        throw EmberError(
          .value, in: "embedding_bag", "mode \"\(word)\"; it must be sum, mean or max, and sparse gradients do not go with max")
      }
      return x.embeddingBag(
        weight, offsets: offsets, maxNorm: maxNorm, normType: normType, scalesGradientByFrequency: scales, mode: mode,
        perSampleWeights: factors,
        includeLastOffset: includesLast, paddingIndex: padding)
    }
    add("aten::one_hot(Tensor self, int num_classes=-1) -> Tensor") { (x: Tensor, classes: Int) in x.oneHot(classes) }
  }
}
