import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct FunctionalCallTests {
  private func model() -> Sequential { Sequential(Linear(4, 6, dtype: .float64), Tanh(), Linear(6, 3, dtype: .float64)) }

  private func close(_ a: Tensor, _ b: Tensor) -> Bool {
    a.shape == b.shape && ((a - b).abs() .<= 1e-10).all().item(as: Bool.self)
  }

  @Test func perSampleGradientsAgreeWithTheLoop() {
    let model = model(), x = Tensor.randn([5, 4], dtype: .float64), y = Tensor([0, 2, 1, 1, 0])
    let names = model.namedParameters().map(\.name), values = model.namedParameters().map { $0.parameter.value.detach() }
    func loss(_ parameters: [Tensor], _ x: Tensor, _ y: Tensor) -> Tensor {
      functionalCall(model, Dictionary(uniqueKeysWithValues: zip(names, parameters)), x).crossEntropy(y)
    }
    let gradients = vmap([x, y]) { member in valueAndGrad({ loss($0, member[0], member[1]) }, at: values).gradients }
    for i in 0..<5 {
      model.zeroGrad()
      model(x[i].unsqueeze(0)).crossEntropy(y[i].unsqueeze(0)).backward()
      for (j, cell) in model.parameters().enumerated() { #expect(close(gradients[j][i], cell.grad!), "\(names[j]) of sample \(i)") }
    }
    // The module is as it was.
    #expect(model.parameters().allSatisfy { $0.requiresGrad })
    for (cell, value) in zip(model.parameters(), values) { #expect(close(cell.value, value)) }
  }

  @Test func anEnsembleRunsAtOnce() {
    let models = (0..<3).map { _ in model() }, x = Tensor.randn([5, 4], dtype: .float64)
    let state = stackModuleState(models), names = state.keys.sorted()
    let results = vmap(names.map { state[$0]! }) { [functionalCall(models[0], Dictionary(uniqueKeysWithValues: zip(names, $0)), x)] }[0]
    for (i, model) in models.enumerated() { #expect(close(results[i], model(x))) }
  }

  @Test func misuseIsAnError() throws {
    let model = model(), x = Tensor.randn([5, 4], dtype: .float64)
    #expect(throws: EmberError.self) { try catchingErrors { functionalCall(model, ["no.such": x], x) } }
    #expect(throws: EmberError.self) { try catchingErrors { functionalCall(model, ["0.weight": x], x) } }
    // Running statistics that would differ among the members.
    let norm = BatchNorm1d(4, dtype: .float64)
    #expect(throws: EmberError.self) { try catchingErrors { vmap { norm($0) }(Tensor.randn([3, 5, 4], dtype: .float64)) } }
    norm.eval()
    #expect(close(vmap { norm($0) }(Tensor.ones([3, 5, 4], dtype: .float64))[0], norm(Tensor.ones([5, 4], dtype: .float64))))
  }
}
