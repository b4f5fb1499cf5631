import EmberFunctional
import EmberRuntime
import EmberTensor

/// What `RNN`, `LSTM` and `GRU` share: parameters, layers and directions, shapes.
///
/// Parameters of layer k are `weight_ih_lk` [gates · hidden, input], `weight_hh_lk` [gates · hidden, extent of h], `bias_ih_lk` and
/// `bias_hh_lk` [gates · hidden], and with a projection `weight_hr_lk` [projection, hidden]; those of the direction backwards end in
/// `_reverse`. All begin uniform in ±1 / √hidden.
open class RNNBase: Module {
  public final let inputSize: Int
  public final let hiddenSize: Int
  public final let numLayers: Int
  public final let hasBias: Bool
  /// Inputs and outputs are [batch, steps, features] instead of [steps, batch, features]. States are not concerned.
  public final let batchFirst: Bool
  /// The probability with which, in training, elements of the outputs of all layers but the last are dropped.
  public final let dropout: Double
  public final let bidirectional: Bool
  /// The extent that h is projected to; 0 for none.
  public final let projSize: Int
  final let cell: RecurrentCell
  private final let entries: [(name: String, parameter: Parameter)]

  init(
    _ cell: RecurrentCell, _ inputSize: Int, _ hiddenSize: Int, numLayers: Int, bias: Bool, batchFirst: Bool, dropout: Double,
    bidirectional: Bool, projSize: Int, dtype: DType, device: Device
  ) {
    let name = RNNBase.name(of: cell)
    if let problem = RNNBase.problem(inputSize, hiddenSize, numLayers, dropout, projSize) { raise(EmberError(.value, in: name, problem)) }
    // After an error inside `catchingErrors` something that can be allocated.
    self.inputSize = max(inputSize, 1)
    self.hiddenSize = max(hiddenSize, 1)
    self.numLayers = max(numLayers, 1)
    hasBias = bias
    self.batchFirst = batchFirst
    self.dropout = dropout
    self.bidirectional = bidirectional
    self.projSize = max(0, min(projSize, hiddenSize - 1))
    self.cell = cell
    let rows = cell.gates * self.hiddenSize, extent = self.projSize > 0 ? self.projSize : self.hiddenSize
    let bound = 1 / Double(self.hiddenSize).squareRoot()
    func parameter(_ shape: [Int]) -> Parameter { Parameter(wrappedValue: Tensor.uniform(shape, -bound, bound, dtype: dtype, on: device)) }
    var entries: [(name: String, parameter: Parameter)] = []
    for layer in 0..<self.numLayers {
      for suffix in bidirectional ? ["", "_reverse"] : [""] {
        let inputs = layer == 0 ? self.inputSize : extent * (bidirectional ? 2 : 1)
        var shapes = [("weight_ih", [rows, inputs]), ("weight_hh", [rows, extent])]
        if bias { shapes += [("bias_ih", [rows]), ("bias_hh", [rows])] }
        if self.projSize > 0 { shapes.append(("weight_hr", [extent, self.hiddenSize])) }
        entries += shapes.map { ("\($0.0)_l\(layer)\(suffix)", parameter($0.1)) }
      }
    }
    self.entries = entries
    super.init()
  }

  private static func name(of cell: RecurrentCell) -> String {
    switch cell {
    case .tanh, .relu: "RNN"
    case .lstm: "LSTM"
    case .gru: "GRU"
    }
  }

  private static func problem(_ inputSize: Int, _ hiddenSize: Int, _ numLayers: Int, _ dropout: Double, _ projSize: Int) -> String? {
    if inputSize < 1 || hiddenSize < 1 || numLayers < 1 {
      return "inputSize \(inputSize), hiddenSize \(hiddenSize), numLayers \(numLayers); all must be positive"
    }
    if !(0...1).contains(dropout) { return "dropout \(dropout) is a probability, in 0 ... 1" }
    if projSize < 0 || projSize >= hiddenSize { return "projSize \(projSize) must be less than hiddenSize \(hiddenSize), or 0 for none" }
    return nil
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    entries.map { (name: $0.name, value: $0.parameter as Any) } + super.reflectedMembers().filter { $0.name != "entries" }
  }

  /// The weights of one layer in one direction.
  public final func weights(layer: Int, reverse: Bool = false) -> RecurrentWeights {
    let number = (hasBias ? 4 : 2) + (projSize > 0 ? 1 : 0)
    let first = (layer * (bidirectional ? 2 : 1) + (reverse ? 1 : 0)) * number
    precondition(layer >= 0 && layer < numLayers && (bidirectional || !reverse), "\(Swift.type(of: self)) has no such layer")
    func value(_ i: Int) -> Tensor { entries[first + i].parameter.wrappedValue }
    return RecurrentWeights(
      weightIH: value(0), weightHH: value(1), biasIH: hasBias ? value(2) : nil, biasHH: hasBias ? value(3) : nil,
      weightHR: projSize > 0 ? value(number - 1) : nil)
  }

  private final var directions: Int { bidirectional ? 2 : 1 }

  private final func layers() -> RecurrentLayers {
    let weights = (0..<numLayers).flatMap { layer in (0..<directions).map { self.weights(layer: layer, reverse: $0 == 1) } }
    return RecurrentLayers(cell: cell, weights: weights, isBidirectional: bidirectional, dropout: isTraining ? dropout : 0)
  }

  // MARK: Running

  /// An input of any layout, and an initial state or zeros.
  final func run(_ input: Tensor, _ state: RecurrentState?) -> (output: Tensor, state: RecurrentState) {
    let name = RNNBase.name(of: cell)
    return running([input, state?.h, state?.c]) { () throws(EmberError) in
      guard input.rank == 2 || input.rank == 3 else {
        throw EmberError(.value, in: name, "input \(input.summary); it must be \(layout), or [steps, features] without a batch")
      }
      let isBatched = input.rank == 3
      let x = !isBatched ? input.unsqueeze(1) : batchFirst ? input.transpose(0, 1) : input
      let steps = x.shape[0], batch = x.shape[1]
      guard steps > 0 else { throw EmberError(.shape, in: name, "input \(input.summary) has no steps") }
      try checkFeatures(input)
      let begun = try initial(state, batch: batch, isBatched: isBatched, like: input)
      let (rows, end) = layers()(x.reshape([steps * batch, inputSize]), begun, batchSizes: Array(repeating: batch, count: steps))
      let y = rows.reshape([steps, batch, rows.size(-1)])
      if isBatched { return (batchFirst ? y.transpose(0, 1) : y, end) }
      return (y.squeeze(1), RecurrentState(h: end.h.squeeze(1), c: end.c?.squeeze(1)))
    }
  }

  /// The same for packed sequences; states are in the order of the batch.
  final func run(_ input: PackedSequence, _ state: RecurrentState?) -> (output: PackedSequence, state: RecurrentState) {
    let name = RNNBase.name(of: cell)
    let (data, end) = running([input.data, state?.h, state?.c]) { () throws(EmberError) in
      guard input.data.rank == 2, let batch = input.batchSizes.first else {
        throw EmberError(.shape, in: name, "packed data \(input.data.summary); they must be [rows, features]")
      }
      try checkFeatures(input.data)
      var begun = try initial(state, batch: batch, isBatched: true, like: input.data)
      func permuted(_ x: Tensor, _ order: Tensor?) -> Tensor { order.map { x.indexSelect(1, $0) } ?? x }
      if state != nil { begun = RecurrentState(h: permuted(begun.h, input.sortedIndices), c: begun.c.map { permuted($0, input.sortedIndices) }) }
      let (rows, end) = layers()(input.data, begun, batchSizes: input.batchSizes)
      return (rows, RecurrentState(h: permuted(end.h, input.unsortedIndices), c: end.c.map { permuted($0, input.unsortedIndices) }))
    }
    return (data.isPoisoned ? PackedSequence(data: data, batchSizes: []) : input.with(data: data), end)
  }

  private final func running(
    _ inputs: [Tensor?], _ body: () throws(EmberError) -> (Tensor, RecurrentState)
  ) -> (output: Tensor, state: RecurrentState) {
    let failed = (output: Tensor.poison, state: RecurrentState(h: .poison, c: cell == .lstm ? .poison : nil))
    guard mayRunSlowly(RNNBase.name(of: cell), inputs) else { return failed }
    do throws(EmberError) { return try body() } catch {
      raise(error)
      return failed
    }
  }

  private final var layout: String { batchFirst ? "[batch, steps, features]" : "[steps, batch, features]" }

  private final func checkFeatures(_ input: Tensor) throws(EmberError) {
    let name = RNNBase.name(of: cell), dtype = entries[0].parameter.wrappedValue.dtype
    guard input.size(-1) == inputSize else {
      throw EmberError(.shape, in: name, "input \(input.summary) must have \(inputSize) features")
    }
    guard input.dtype == dtype || isAutocastEnabled else {
      throw EmberError(
        .dtype, in: name, "input \(input.summary) for weights in \(dtype); convert it with .to(.\(dtype)), or the module with .to(.\(input.dtype))")
    }
  }

  /// The state to begin with, [layers · directions, batch, extent].
  private final func initial(
    _ state: RecurrentState?, batch: Int, isBatched: Bool, like input: Tensor
  ) throws(EmberError) -> RecurrentState {
    let count = numLayers * directions
    func begun(_ given: Tensor?, _ extent: Int, _ what: String) throws(EmberError) -> Tensor {
      guard let given else { return Tensor.zeros([count, batch, extent], dtype: input.dtype, on: input.device) }
      let wanted = isBatched ? [count, batch, extent] : [count, extent]
      guard Array(given.shape) == wanted, given.dtype == input.dtype || isAutocastEnabled else {
        throw EmberError(
          .shape, in: RNNBase.name(of: cell), "initial \(what) \(given.summary) for input \(input.summary); it must be \(input.dtype)\(wanted)")
      }
      return isBatched ? given : given.unsqueeze(1)
    }
    let h = try begun(state?.h, projSize > 0 ? projSize : hiddenSize, "h")
    return RecurrentState(h: h, c: cell == .lstm ? try begun(state?.c, hiddenSize, "c") : nil)
  }

  open override var settings: String {
    var parts = ["\(inputSize), \(hiddenSize)"]
    if projSize > 0 { parts.append("proj_size=\(projSize)") }
    if numLayers != 1 { parts.append("num_layers=\(numLayers)") }
    if !hasBias { parts.append("bias=False") }
    if batchFirst { parts.append("batch_first=True") }
    if dropout != 0 { parts.append("dropout=\(dropout)") }
    if bidirectional { parts.append("bidirectional=True") }
    return parts.joined(separator: ", ")
  }
}
