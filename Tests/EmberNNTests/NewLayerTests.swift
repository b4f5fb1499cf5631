import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor
import Testing

// Expected numbers are PyTorch 2.15's.
@Suite struct PaddingModes {
  private func expect(_ actual: Tensor, _ expected: [Double], _ tolerance: Double = 0, _ location: SourceLocation = #_sourceLocation) {
    let values = actual.elements(as: Double.self)
    #expect(values.count == expected.count && zip(values, expected).allSatisfy { abs($0 - $1) <= tolerance }, "\(values)", sourceLocation: location)
  }

  @Test func pad() {
    let x = Tensor((0..<6).map { Float($0) }, shape: [1, 1, 6])
    expect(x.pad([2, 1], mode: .reflect), [2, 1, 0, 1, 2, 3, 4, 5, 4])
    expect(x.pad([2, 1], mode: .replicate), [0, 0, 0, 1, 2, 3, 4, 5, 5])
    expect(x.pad([2, 1], mode: .circular), [4, 5, 0, 1, 2, 3, 4, 5, 0])
    expect(x.pad([2, 1]), [0, 0, 0, 1, 2, 3, 4, 5, 0])
    for mode in [PaddingMode.zeros, .reflect, .replicate, .circular] {
      #expect(checkGradients({ $0[0].pad([0, 3, 2, 1], mode: mode) }, at: [Tensor.uniform([1, 2, 3, 4], dtype: .float64, generator: Generator(seed: 1))]) == nil)
    }
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = x.pad([6, 0], mode: .reflect) } }
    #expect(error?.description.contains("6") == true)
    #expect(throws: EmberError.self) { try catchingErrors { _ = Tensor.zeros([1, 0]).pad([1, 0], mode: .replicate) } }
  }

  @Test(arguments: [
    (PaddingMode.zeros, [45, 97, 154, 187, 123, 60, 99, 198, 294, 330, 207, 96, 55, 103, 142, 157, 89, 36] as [Double]),
    (.reflect, [162, 156, 174, 210, 216, 198, 282, 276, 294, 330, 336, 318, 258, 252, 270, 306, 312, 294]),
    (.replicate, [120, 135, 162, 198, 219, 228, 252, 267, 294, 330, 351, 360, 312, 327, 354, 390, 411, 420]),
    (.circular, [198, 186, 186, 222, 198, 186, 306, 294, 294, 330, 306, 294, 198, 186, 186, 222, 198, 186]),
  ])
  func convolutions(_ mode: PaddingMode, _ expected: [Double]) {
    let layer = Conv2d(1, 1, kernelSize: 3, padding: [1, 2], bias: false, paddingMode: mode)
    layer.weight = Tensor((0..<9).map { Float($0) }, shape: [1, 1, 3, 3])
    expect(layer(Tensor((1...12).map { Float($0) }, shape: [1, 1, 3, 4])), expected)
    #expect("\(layer)".contains("padding_mode") == (mode != .zeros))
  }

  @Test func sameGoesAroundUnevenly() {
    let layer = Conv1d(1, 1, kernelSize: 4, padding: "same", bias: false, paddingMode: .circular)
    layer.weight = Tensor((0..<4).map { Float($0) }, shape: [1, 1, 4])
    expect(layer(Tensor((0..<5).map { Float($0) }, shape: [1, 1, 5])), [8, 14, 20, 11, 7])
  }

  @Test func transposedConvolutions() {
    let layer = ConvTranspose1d(2, 3, kernelSize: 2)
    layer.weight = Tensor(
      [-0.0030564817134290934, 0.21900218725204468, -0.3360067903995514, -0.3004458546638489, -0.15723861753940582, 0.1094747856259346,
       -0.008088696748018265, 0.3236957788467407, -0.036229606717824936, 0.1080276295542717, -0.1233779713511467, -0.08024748414754868],
      shape: [2, 3, 2])
    layer.biasCell?.value = Tensor([-0.39001941680908203, -0.2703755497932434, -0.16828937828540802])
    expect(
      layer(Tensor.ones([1, 2, 3])),
      [-0.40116459131240845, 0.14153337478637695, 0.14153337478637695, 0.15267854928970337, -0.6426119804382324, -0.8350301384925842,
       -0.8350301384925842, -0.46279376745224, -0.44890594482421875, -0.41967862844467163, -0.41967862844467163, -0.1390620768070221], 1e-6)
    let other = ConvTranspose2d(4, 6, kernelSize: 3, stride: 2, padding: 1, outputPadding: 1, groups: 2)
    #expect(other.weight.shape == [4, 3, 3, 3] && other(Tensor.zeros([2, 4, 5, 5])).shape == [2, 6, 10, 10])
    #expect(ConvTranspose3d(1, 2, kernelSize: 2, bias: false)(Tensor.zeros([1, 1, 2, 3, 4])).shape == [1, 2, 3, 4, 5])
    #expect("\(other)".hasPrefix("ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1), groups=2"))
  }

  @Test func initialisers() {
    func cell(_ shape: [Int], _ dtype: DType = .float32) -> StateCell { StateCell(Tensor.zeros(shape, dtype: dtype), isParameter: true) }
    let a = cell([2, 5])
    Init.truncatedNormal(a, mean: 0.5, std: 2, low: -1, high: 1.5, generator: Generator(seed: 3))
    expect(
      a.value,
      [-0.8559243679046631, 0.8496667742729187, 0.6779561638832092, -0.7274360060691833, 0.5923649072647095, 0.3402913510799408, 1.174990177154541,
       1.0363619327545166, 1.4903780221939087, 0.17136605083942413], 2e-6)
    let b = cell([4, 4])
    Init.truncatedNormal(b, generator: Generator(seed: 3))
    #expect(abs(b.value[0, 2].item() - -0.7820168137550354) < 2e-6 && abs(b.value[3, 3].item() - 0.41633129119873047) < 2e-6)
    let far = cell([200])
    Init.truncatedNormal(far, std: 1, low: 3, high: 4, generator: Generator(seed: 3))
    #expect(far.value.elements(as: Float.self).allSatisfy { $0 >= 3 && $0 <= 4 } && far.value.mean().item() < 3.5)
    let c = cell([3, 2], .float64), d = cell([2, 3], .float64)
    Init.orthogonal(c, gain: 2, generator: Generator(seed: 3))
    expect(c.value, [1.9846044344037703, 0.1948708629206434, 0.21983266621314518, -0.817218340768821, 0.11410012186895872, -1.8149874738674145], 1e-12)
    Init.orthogonal(d, gain: 2, generator: Generator(seed: 3))
    expect(d.value, [1.9429003151447346, 0.42287311195024724, 0.2152131422567054, 0.15129935429135047, 0.30764696811665926, -1.9703963683481676], 1e-12)
    #expect(throws: EmberError.self) { try catchingErrors { Init.orthogonal(cell([3])) } }
  }

  @Test func summaryShowsShapes() throws {
    let model = Sequential { Conv2d(1, 4, kernelSize: 3); Flatten(); Linear(4 * 6 * 6, 2) }
    model.train()
    let text = try model.summary(inputShape: [5, 1, 8, 8])
    for word in ["Output", "[5, 4, 6, 6]", "[5, 144]", "[5, 2]", "parameters: 330"] { #expect(text.contains(word), "\(text)") }
    #expect(model.isTraining && !model.summary().contains("Output"))
    #expect(throws: EmberError.self) { try model.summary(inputShape: [5, 1, 9, 9]) }
  }

  /// Names are kept, what properties hold is not.
  @Test func structureMayChange() {
    final class Growing: Module {
      var parts: [Linear] = []
      var maybe: Linear?
    }
    let module = Growing()
    #expect(module.parameters().isEmpty)
    module.parts.append(Linear(1, 1))
    #expect(module.namedParameters().map(\.name) == ["parts.0.weight", "parts.0.bias"])
    module.maybe = Linear(1, 1, bias: false)
    module.parts = []
    #expect(module.namedParameters().map(\.name) == ["maybe.weight"])
  }

  @Test func indexPut() {
    let x = Tensor.zeros([3, 2])
    let index = Tensor([0, 2, 2])
    expect(x.indexPut([index], Tensor([1.0, 2]), accumulate: true), [1, 2, 0, 0, 2, 4])
    expect(x.indexPut([index, Tensor([1])], Tensor([5.0])), [0, 5, 0, 0, 0, 5])
    expect(x.indexPut([Tensor([true, false, true])], Tensor([7.0])), [7, 7, 0, 0, 7, 7])
    #expect(checkGradients({ $0[0].indexPut([index], $0[1], accumulate: true).square() }, at: [
      Tensor.ones([3, 2], dtype: .float64), Tensor([1.0, 2], dtype: .float64),
    ]) == nil)
    #expect(throws: EmberError.self) { try catchingErrors { _ = x.indexPut([Tensor([3])], Tensor([1.0])) } }
    // No index names the whole tensor.
    expect(x.indexPut([], Tensor([1.0])), [1, 1, 1, 1, 1, 1])
  }
}

/// An operation as another package would write it: its own kernel for the CPU, and one for a device that comes later.
@Suite struct OperationsOfOthers {
  struct Scale: UnaryOperation {
    static let name = "scale"
    static let kernels = KernelTable<@Sendable (Tensor, inout Tensor, Float) -> Void>(name, cpu: { x, y, factor in
      x.withOperand { source in
        y.withMutableOperand { target in
          guard let from = source.pointer?.assumingMemoryBound(to: Float.self), let to = target.pointer?.assumingMemoryBound(to: Float.self) else { return }
          for i in 0..<source.shape.elementCount { to[i] = from[i] * factor }
        }
      }
    })
    let factor: Float

    func forward(_ x: Tensor) throws(EmberError) -> Tensor {
      guard x.dtype == .float32 else { throw EmberError(.dtype, in: Self.name, "\(x.dtype)\(x.shape) is not float32") }
      var y = Tensor.zeros(like: x)
      if let kernel = try Self.kernels.kernel(on: x.device) { kernel(x, &y, factor) }
      return y
    }

    func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(self, gradient) }
  }

  @Test func runsAndDifferentiates() throws {
    let x = Tensor([[1.0, 2], [3, 4]], requiresGrad: true)
    let y = apply(Scale(factor: 3), x.t())
    #expect(y.elements(as: Float.self) == [3, 9, 6, 12])
    y.sum().backward()
    #expect(x.grad?.elements(as: Float.self) == [3, 3, 3, 3])
    #expect(apply(Scale(factor: 3), Tensor.ones([2], on: .meta)).shape == [2])
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = apply(Scale(factor: 3), Tensor([1])) } }
    #expect(error?.description.hasPrefix("[scale]") == true)
  }

  @Test func anotherDeviceRegistersItsKernel() throws {
    let table = KernelTable<@Sendable () -> String>("example", cpu: { "cpu" })
    let device = Device(DeviceType(rawValue: 7))
    let error = #expect(throws: EmberError.self) { _ = try table.kernel(on: device) }
    #expect(error?.description.contains("[example]") == true)
    table.register({ "other" }, for: device.type)
    #expect(try table.kernel(on: device)?() == "other" && table.kernel(on: .cpu)?() == "cpu" && table.kernel(on: .meta) == nil)
  }

  @Test func aKernelIsFoundByTheOperationsName() throws {
    let device = Device(DeviceType(rawValue: 7))
    typealias Kernel = @Sendable (Int) -> String
    let kernel: Kernel = { "other \($0)" }
    Kernels.register(kernel, for: "example by name", on: device.type)
    let table = KernelTable<Kernel>("example by name", cpu: { "cpu \($0)" })
    #expect(try table.kernel(on: device)?(2) == "other 2" && table.kernel(on: .cpu)?(3) == "cpu 3")

    let wrong: @Sendable (Double) -> String = { "\($0)" }
    Kernels.register(wrong, for: "example of another type", on: device.type)
    let strict = KernelTable<Kernel>("example of another type", cpu: { "\($0)" })
    let error = #expect(throws: EmberError.self) { _ = try strict.kernel(on: device) }
    #expect(error?.message.contains("Double") == true && error?.message.contains("Int") == true, "\(error?.message ?? "")")
  }
}

// Expected numbers are PyTorch 2.15's, which keeps the first channel's square in every sum.
@Suite struct CrossMapNormalization {
  @Test(arguments: [
    (
      1,
      [
        -0.5029733777, -0.3816680312, -0.1964921505, -0.0544330887, 0.0999953299, 0.2617633045, 0.3676234484, 0.5014863014, 0.5494695306,
        0.6385267973, 0.6473223567, 0.6994331479,
      ]
    ),
    (
      3,
      [
        -0.5548447967, -0.4036723375, -0.2214332817, -0.0568173081, 0.1068541631, 0.2654112577, 0.3899652660, 0.5072821975, 0.5761684179,
        0.6442090869, 0.8438488841, 0.9095696211,
      ]
    ),
    (
      4,
      [
        -0.5641953945, -0.4067265987, -0.2252843976, -0.0574521385, 0.1095976979, 0.2726200223, 0.4078978300, 0.5364595056, 0.6219587326,
        0.7047631741, 0.9070236087, 0.9883675575,
      ]
    ),
    (
      9,
      [
        -0.5514956117, -0.3785806000, -0.2053093612, -0.0493623689, 0.1026547104, 0.2468119413, 0.4106187820, 0.5429863334, 0.7185828090,
        0.8391606212, 1.0265468359, 1.1353349686,
      ]
    ),
  ])
  func numbers(_ size: Int, _ expected: [Double]) {
    let x = (Tensor.arange(12).to(.float64) * 0.3 - 1).reshape([1, 6, 1, 2])
    let layer = CrossMapLRN2d(size, alpha: 0.5, beta: 0.75, k: 2)
    let values = layer(x).elements(as: Double.self)
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(values)")
    #expect(checkGradients({ layer($0[0]) }, at: [x]) == nil)
    #expect(throws: EmberError.self) { try catchingErrors { _ = layer(Tensor.zeros([3, 4])) } }
  }
}
