import EmberFunctional
import EmberRuntime
import EmberTensor

/// What RNN, LSTM and GRU share: layers of a recurrence over sequences, in one or both directions.
///
/// For each layer k (and `_reverse`) parameters `weight_ih_l{k}` [gates · hidden, in], `weight_hh_l{k}` [gates · hidden, out],
/// `bias_ih_l{k}`, `bias_hh_l{k}` [gates · hidden] and, with projections, `weight_hr_l{k}` [projection, hidden]; all drawn from ±1 /
/// √hidden.
open class RecurrentLayer: Module {
  public final let inputSize: Int
  public final let hiddenSize: Int
  public final let numLayers: Int
  public final let hasBias: Bool
  public final let batchFirst: Bool
  public final let dropout: Double
  public final let bidirectional: Bool
  /// Features of the projected output; 0: none.
  public final let projectionSize: Int
  /// Where dropout's random numbers come from; nil: the default generator.
  public final var generator: Generator?
  private final let kind: RecurrentKind
  /// The parameters of each layer, of a bidirectional one those forwards and then those backwards: PyTorch's `weight_ih_l0` is
  /// `allWeights[0].weightIh`, `weight_ih_l1` without a direction back `allWeights[1].weightIh`.
  public final let allWeights: [LayerWeights]

  /// The parameters of one direction of one layer.
  public struct LayerWeights {
    /// [gates · hidden, in] and [gates · hidden, out].
    public let weightIh, weightHh: StateCell
    /// [gates · hidden]; nil without biases.
    public let biasIh, biasHh: StateCell?
    /// [projection, hidden]; nil without projections.
    public let weightHr: StateCell?
    fileprivate let suffix: String
  }

  init(
    _ name: String, _ kind: RecurrentKind, _ inputSize: Int, _ hiddenSize: Int, _ numLayers: Int, _ bias: Bool, _ batchFirst: Bool,
    _ dropout: Double,
    _ bidirectional: Bool, _ projectionSize: Int, _ dtype: DType, _ device: Device
  ) {
    self.kind = kind
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    self.numLayers = numLayers
    hasBias = bias
    self.batchFirst = batchFirst
    self.dropout = dropout
    self.bidirectional = bidirectional
    self.projectionSize = projectionSize
    var problems: [String] = []
    if inputSize < 1 { problems.append("inputSize \(inputSize); it must be positive") }
    if hiddenSize < 1 { problems.append("hiddenSize \(hiddenSize); it must be positive") }
    if numLayers < 1 { problems.append("numLayers \(numLayers); it must be positive") }
    if !(0...1).contains(dropout) { problems.append("dropout \(dropout); it must lie from 0 to 1") }
    if projectionSize < 0 || (projectionSize > 0 && projectionSize >= hiddenSize) {
      problems.append("projectionSize \(projectionSize); it must be smaller than hiddenSize \(hiddenSize)")
    }
    if !problems.isEmpty { raise(EmberError(.value, in: name, problems.joined(separator: "; "))) }
    let out = projectionSize > 0 ? projectionSize : hiddenSize
    let bound = 1 / Double(Swift.max(hiddenSize, 1)).squareRoot()
    func drawn(_ shape: [Int]) -> StateCell { StateCell(Tensor.uniform(shape, -bound, bound, dtype: dtype, on: device), isParameter: true) }
    var all: [LayerWeights] = []
    if problems.isEmpty {
      for layer in 0..<numLayers {
        for direction in 0..<(bidirectional ? 2 : 1) {
          let rows = kind.gates * hiddenSize
          let inFeatures = layer == 0 ? inputSize : out * (bidirectional ? 2 : 1)
          // In the order in which PyTorch draws them.
          let weightIh = drawn([rows, inFeatures]), weightHh = drawn([rows, out])
          let biasIh = bias ? drawn([rows]) : nil, biasHh = bias ? drawn([rows]) : nil
          all.append(
            LayerWeights(
              weightIh: weightIh, weightHh: weightHh, biasIh: biasIh, biasHh: biasHh,
              weightHr: projectionSize > 0 ? drawn([projectionSize, hiddenSize]) : nil,
              suffix: "l\(layer)" + (direction == 1 ? "_reverse" : "")))
        }
      }
    }
    allWeights = all
    super.init()
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    allWeights.flatMap { parameters -> [(name: String, value: Any)] in
      let cells: [(String, StateCell?)] = [
        ("weight_ih_", parameters.weightIh), ("weight_hh_", parameters.weightHh), ("bias_ih_", parameters.biasIh),
        ("bias_hh_", parameters.biasHh), ("weight_hr_", parameters.weightHr),
      ]
      return cells.compactMap { name, cell in cell.map { (name: name + parameters.suffix, value: $0 as Any) } }
    } + super.reflectedMembers().filter { $0.name != "all_weights" }
  }

  open override var settings: String {
    "\(inputSize), \(hiddenSize)" + (projectionSize == 0 ? "" : ", proj_size=\(projectionSize)")
      + (numLayers == 1 ? "" : ", num_layers=\(numLayers)") + (hasBias ? "" : ", bias=False")
      + (batchFirst ? ", batch_first=True" : "") + (dropout == 0 ? "" : ", dropout=\(dropout)")
      + (bidirectional ? ", bidirectional=True" : "")
  }

  private var directionCount: Int { bidirectional ? 2 : 1 }
  private var outFeatures: Int { projectionSize > 0 ? projectionSize : hiddenSize }

  // MARK: Running

  /// Padded sequences: [time, batch, in], [batch, time, in] with `batchFirst`, or [time, in].
  final func run(_ input: Tensor, _ state: Tensor?, _ cell: Tensor?) -> (output: Tensor, state: Tensor, cell: Tensor?) {
    let name = "\(Swift.type(of: self))"
    if ErrorScopes.hasFailed { return (input, input, kind == .lstm ? input : nil) }
    func refused(_ message: String) -> (Tensor, Tensor, Tensor?) {
      raise(EmberError(.shape, in: name, message))
      return (input, input, kind == .lstm ? input : nil)
    }
    guard input.rank == 2 || input.rank == 3, input.shape[-1] == inputSize else {
      return refused(
        "input \(input.dtype)\(input.shape); "
          + "it must be [\(batchFirst ? "batch, time" : "time, batch"), \(inputSize)] or, without a batch, [time, \(inputSize)]"
      )
    }
    let isAlone = input.rank == 2
    var x = isAlone ? input.unsqueeze(1) : batchFirst ? input.transpose(0, 1) : input
    let (time, batch) = (x.shape[0], x.shape[1])
    guard time > 0 else { return refused("input \(input.dtype)\(input.shape) has no elements in time") }
    for (given, features, what) in [(state, outFeatures, "state"), (cell, hiddenSize, "cell")] {
      let expected = [numLayers * directionCount] + (isAlone ? [] : [batch]) + [features]
      if let given, given.shape != Shape(expected) {
        return refused("\(what) \(given.dtype)\(given.shape) for input \(input.dtype)\(input.shape); it must be \(expected)")
      }
    }
    x = x.reshape([time * batch, inputSize])
    let first = isAlone ? state?.unsqueeze(1) : state, firstCell = isAlone ? cell?.unsqueeze(1) : cell
    let (rows, last, lastCell) = layers(x, first, firstCell, Array(repeating: batch, count: time))
    var output = rows.reshape([time, batch, directionCount * outFeatures])
    output = isAlone ? output.squeeze(1) : batchFirst ? output.transpose(0, 1) : output
    return (output, isAlone ? last.squeeze(1) : last, isAlone ? lastCell?.squeeze(1) : lastCell)
  }

  /// Packed sequences; states are in the order of the batch that was packed.
  final func run(_ input: PackedSequence, _ state: Tensor?, _ cell: Tensor?) -> (output: PackedSequence, state: Tensor, cell: Tensor?) {
    let data = input.data
    if ErrorScopes.hasFailed { return (input, data, kind == .lstm ? data : nil) }
    func refused(_ message: String) -> (PackedSequence, Tensor, Tensor?) {
      raise(EmberError(.shape, in: "\(Swift.type(of: self))", message))
      return (input, data, kind == .lstm ? data : nil)
    }
    guard data.rank == 2, data.shape[1] == inputSize, let batch = input.batchSizes.first else {
      return refused("packed data \(data.dtype)\(data.shape); it must be [elements, \(inputSize)]")
    }
    func ordered(_ tensor: Tensor?, _ order: [Int]?) -> Tensor? {
      guard let order else { return tensor }
      return tensor?.indexSelect(1, Tensor(order, on: data.device))
    }
    for (given, features, what) in [(state, outFeatures, "state"), (cell, hiddenSize, "cell")] {
      let expected = [numLayers * directionCount, batch, features]
      if let given, given.shape != Shape(expected) {
        return refused("\(what) \(given.dtype)\(given.shape) for \(batch) packed sequences; it must be \(expected)")
      }
    }
    let (rows, last, lastCell) = layers(data, ordered(state, input.sortedIndices), ordered(cell, input.sortedIndices), input.batchSizes)
    return (input.with(rows), ordered(last, input.unsortedIndices)!, ordered(lastCell, input.unsortedIndices))
  }

  /// All layers over rows that lie as in a packed sequence.
  private final func layers(_ input: Tensor, _ state: Tensor?, _ cell: Tensor?, _ batchSizes: [Int]) -> (Tensor, Tensor, Tensor?) {
    let batch = batchSizes[0]
    var x = input
    var states: [Tensor] = [], cells: [Tensor] = []
    for layer in 0..<numLayers {
      var outputs: [Tensor] = []
      for direction in 0..<directionCount {
        let number = layer * directionCount + direction
        let p = allWeights[number]
        // A GRU's new gate takes the state's bias apart.
        let bias = p.biasIh.map { kind == .gru ? $0.value : $0.value + p.biasHh!.value }
        let gates = x.linear(p.weightIh.value, bias)
        let first = state?.select(0, number) ?? Tensor.zeros([batch, outFeatures], dtype: x.dtype, on: x.device)
        let firstCell = kind == .lstm ? cell?.select(0, number) ?? Tensor.zeros([batch, hiddenSize], dtype: x.dtype, on: x.device) : nil
        let result = gates.recurrentSequence(
          kind, state: first, cell: firstCell, weight: p.weightHh.value, bias: kind == .gru ? p.biasHh?.value : nil,
          projection: p.weightHr?.value, batchSizes: batchSizes, reverse: direction == 1)
        outputs.append(result.states)
        states.append(result.state)
        if let last = result.cell { cells.append(last) }
      }
      x = outputs.count == 1 ? outputs[0] : cat(outputs, dim: 1)
      if dropout > 0, layer + 1 < numLayers { x = x.dropout(dropout, training: isTraining, generator: generator) }
    }
    return (x, stack(states), cells.isEmpty ? nil : stack(cells))
  }
}
