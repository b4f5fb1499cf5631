import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct SequentialTests {
  private func named() -> Sequential {
    Sequential(["conv1": Conv2d(1, 2, 3), "relu1": ReLU(), "conv2": Conv2d(2, 3, 3, bias: false)])
  }

  private func numbered() -> Sequential { Sequential(Linear(2, 3), Tanh(), Linear(3, 4)) }

  @Test func layersHaveNames() throws {
    let model = named()
    #expect(model.names == ["conv1", "relu1", "conv2"])
    #expect(model.stateDict().map(\.name) == ["conv1.weight", "conv1.bias", "conv2.weight"])
    #expect(model.namedChildren().map(\.name) == ["conv1", "relu1", "conv2"])
    #expect(model(Tensor.ones([1, 1, 6, 6])).shape == [1, 3, 2, 2])
    #expect(model.description.hasPrefix("Sequential(\n  (conv1): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))\n  (relu1): ReLU()\n"))
    try model.loadStateDict(named().stateDict())
  }

  @Test func layersAreReplacedByPositionAndByName() {
    let model = numbered()
    model[2] = Linear(3, 10)
    #expect(model(Tensor.ones([5, 2])).shape == [5, 10] && model.stateDict().map(\.name).last == "2.bias")
    model[-1] = Linear(3, 7, bias: false)
    #expect(model.stateDict().map { Array($0.tensor.shape) } == [[3, 2], [3], [7, 3]] && model[-3] === model[0])
    let names = named()
    names["conv1"] = Conv2d(4, 2, 3)
    names["relu1"] = nil
    names["last"] = Flatten()
    #expect(names.names == ["conv1", "conv2", "last"] && names["relu1"] == nil && names["last"] is Flatten)
    #expect(names.stateDict()[0].tensor.shape == [2, 4, 3, 3])
  }

  @Test func layersAreACollection() {
    let model = numbered()
    #expect(model.count == 3 && !model.isEmpty && model.first is Linear && model.last === model[2])
    #expect(model.filter { $0 is Linear }.count == 2 && model.enumerated().map { "\($0.offset)" } == ["0", "1", "2"])
    var x = Tensor.ones([1, 2])
    for layer in model { x = layer(x) }
    #expect(x.elements(as: Float.self) == model(Tensor.ones([1, 2])).elements(as: Float.self))
    // A Sequential in a Sequential stays a layer.
    #expect(Sequential(numbered()).stateDict().map(\.name) == ["0.0.weight", "0.0.bias", "0.2.weight", "0.2.bias"])
  }

  /// Names as PyTorch gives them: parts keep theirs, sums and what is inserted or removed lead to new numbers.
  @Test func layersAreAddedAndRemoved() {
    let model = numbered()
    model.append(ReLU())
    model.insert(Flatten(), at: 0)
    #expect(model.names == ["0", "1", "2", "3", "4"] && model.stateDict().map(\.name) == ["1.weight", "1.bias", "3.weight", "3.bias"])
    #expect(model.remove(at: 2) is Tanh)
    model.insert(Sigmoid(), at: -1)
    #expect(model.map { "\(type(of: $0))" } == ["Flatten", "Linear", "Linear", "Sigmoid", "ReLU"])
    #expect(model.names == ["0", "1", "2", "3", "4"])
    model.append(contentsOf: numbered())
    #expect(model.count == 8 && model.names.last == "7")
    let part = model[1..<3]
    #expect(part.names == ["1", "2"] && part[0] === model[1] && model[6...].names == ["6", "7"] && model[..<1].count == 1)
    part.append(Tanh())
    part.append(Tanh())
    #expect(part.names == ["1", "2", "3", "4"])
    let sum = numbered() + named()
    #expect(sum.names == ["0", "1", "2", "3", "4", "5"] && sum.stateDict().last?.name == "5.weight")
    let names = named()
    names.insert(Flatten(), at: 1)
    names.append(Tanh())
    #expect(names.names == ["conv1", "1", "relu1", "conv2", "4"])
    names.remove(at: 0)
    #expect(names.names == ["0", "relu1", "conv2", "3"])
  }

  @Test func newLayersAreFoundAndSwitched() {
    let model = numbered()
    let new = Dropout(0.9)
    model.insert(new, at: 1)
    model.eval()
    #expect(!new.isTraining && model.modules().count == 5)
    model[1] = Linear(3, 3)
    #expect(model.parameters().count == 6)
  }

  static let refused: [(text: String, run: @Sendable () -> Void)] = [
    ("[Sequential] position 3 in 2 layers; they are counted from 0 to 1", { _ = Sequential(ReLU(), ReLU())[3] }),
    ("[Sequential] position -3 in 2 layers", { Sequential(ReLU(), ReLU())[-3] = ReLU() }),
    ("[Sequential] position 0 in 0 layers; there are none", { Sequential([]).remove(at: 0) }),
    ("[Sequential] position 2 in 1 layers", { Sequential(ReLU()).insert(ReLU(), at: 2) }),
    ("[Sequential] a member named \"a.b\"", { Sequential(ReLU())["a.b"] = ReLU() }),
    ("[Sequential] a member named \"\"", { _ = Sequential(["": ReLU()]) }),
    ("[Sequential] two layers named \"a\"", { _ = Sequential(["a": ReLU(), "a": ReLU()]) }),
    ("[ModuleDict] a member named \"a.b\"", { _ = ModuleDict(["a.b": ReLU()]) }),
  ]

  @Test(arguments: refused.indices) func whatCannotBeIsRefused(_ i: Int) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { Self.refused[i].run() } }
    #expect(error?.description.hasPrefix(Self.refused[i].text) == true, "\(error?.description ?? "")")
  }
}

@Suite struct ModuleListTests {
  @Test func elementsAreAddedAndRemoved() {
    let list = ModuleList([Linear(2, 3), Linear(3, 4)])
    list.append(contentsOf: [Linear(4, 5), Linear(5, 6)])
    list.insert(Linear(1, 2, bias: false), at: 0)
    #expect(list.map(\.inFeatures) == [1, 2, 3, 4, 5] && list.namedParameters().first?.name == "0.weight")
    #expect(list.remove(at: -1).inFeatures == 5 && list.count == 4)
    list[-1] = Linear(7, 8)
    #expect(list[3].inFeatures == 7 && list.stateDict().last?.name == "3.bias")
    #expect((list + ModuleList([Linear(9, 9)])).map(\.inFeatures) == [1, 2, 3, 7, 9])
  }
}

private final class Net: Module, Layer {
  let body = Sequential(["conv": Conv2d(1, 2, 3), "norm": BatchNorm2d(2)])
  let blocks = [Linear(2, 2), Linear(2, 2)]
  @Parameter var scale = Tensor.ones([1])
  @Buffer var total = Tensor.zeros([1])
  func forward(_ x: Tensor) -> Tensor { body(x) * scale }
}

@Suite struct LookUpTests {
  @Test func modulesParametersAndBuffersAreFoundByName() throws {
    let net = Net()
    #expect(try net.module(named: "") === net && net.module(named: "body") === net.body)
    #expect(try net.module(named: "body.norm") === net.body[1] && net.module(named: "blocks.1") === net.blocks[1])
    #expect(try net.parameter(named: "scale") === net.$scale && net.parameter(named: "blocks.0.weight") === net.blocks[0].$weight)
    #expect(try net.parameter(named: "body.norm.weight") === (net.body[1] as? BatchNorm2d)?.weightCell)
    #expect(try net.buffer(named: "total") === net.$total)
    #expect(try net.buffer(named: "body.norm.running_mean").value.shape == [2])
    #expect(net.buffers().count == 4 && net.buffers()[0] === net.$total)
    for (name, parameter) in net.namedParameters() { #expect(try net.parameter(named: name) === parameter) }
    for (name, buffer) in net.namedBuffers() { #expect(try net.buffer(named: name) === buffer) }
    for (name, module) in net.namedModules() { #expect(try net.module(named: name) === module) }
  }

  @Test func errorsNameWhatThereIs() {
    let net = Net()
    func text(_ look: () throws -> Void) -> String { #expect(throws: EmberError.self) { try look() }?.description ?? "" }
    #expect(text { _ = try net.module(named: "head") } == "[Net] there is no module \"head\"; Net has body, blocks.0, blocks.1")
    #expect(text { _ = try net.module(named: "body.relu") } == "[Net] there is no module \"body.relu\"; Sequential \"body\" has conv, norm")
    #expect(text { _ = try net.parameter(named: "body.conv.w") }.hasSuffix("Conv2d \"body.conv\" has weight, bias"))
    #expect(text { _ = try net.parameter(named: "body.norm.running_mean") }.hasSuffix("BatchNorm2d \"body.norm\" has weight, bias"))
    #expect(text { _ = try net.buffer(named: "body.conv.mean") }.hasSuffix("Conv2d \"body.conv\" has no buffer of its own"))
  }

  @Test func everyParameterHasAProperty() throws {
    let norm = LayerNorm(4), group = GroupNorm(2, 4), rms = RMSNorm(4)
    #expect(norm.weightCell === norm.parameters()[0] && norm.biasCell === norm.parameters()[1])
    #expect(group.weightCell === group.parameters()[0] && group.biasCell === group.parameters()[1])
    #expect(rms.weightCell === rms.parameters()[0] && LayerNorm(4, bias: false).biasCell == nil)

    let cell = LSTMCell(3, 4)
    #expect(cell.biasIhCell === cell.parameters()[2] && cell.biasHhCell === cell.parameters()[3])

    let lstm = LSTM(3, 4, 2, bidirectional: true, projectionSize: 2)
    #expect(lstm.allWeights.count == 4)
    #expect(try lstm.allWeights[1].weightIh === lstm.parameter(named: "weight_ih_l0_reverse"))
    #expect(try lstm.allWeights[2].weightHh === lstm.parameter(named: "weight_hh_l1"))
    #expect(try lstm.allWeights[0].biasIh === lstm.parameter(named: "bias_ih_l0"))
    #expect(try lstm.allWeights[0].biasHh === lstm.parameter(named: "bias_hh_l0"))
    #expect(try lstm.allWeights[3].weightHr === lstm.parameter(named: "weight_hr_l1_reverse"))
    #expect(lstm.parameters().count == 20 && GRU(3, 4, bias: false).allWeights[0].biasIh == nil)

    let attention = MultiheadAttention(4, 2, addBiasKV: true), separate = MultiheadAttention(4, 2, keyDim: 3, valueDim: 5)
    #expect(try attention.inProjWeightCell === attention.parameter(named: "in_proj_weight") && attention.inProjWeight?.shape == [12, 4])
    #expect(try attention.inProjBiasCell === attention.parameter(named: "in_proj_bias") && attention.inProjBias?.shape == [12])
    #expect(try attention.biasKCell === attention.parameter(named: "bias_k") && attention.biasK?.shape == [1, 1, 4])
    #expect(try attention.biasVCell === attention.parameter(named: "bias_v") && attention.biasV?.shape == [1, 1, 4])
    #expect(try separate.qProjWeightCell === separate.parameter(named: "q_proj_weight") && separate.qProjWeight?.shape == [4, 4])
    #expect(try separate.kProjWeightCell === separate.parameter(named: "k_proj_weight") && separate.kProjWeight?.shape == [4, 3])
    #expect(try separate.vProjWeightCell === separate.parameter(named: "v_proj_weight") && separate.vProjWeight?.shape == [4, 5])
    #expect(separate.inProjWeightCell == nil && attention.qProjWeight == nil)
  }
}
