import EmberCUDA
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// Optimizers on the device against the CPU's: the rules that have kernels for lists of tensors, and those of pointwise updates.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct OptimizerStepTests {
  private let generator = Generator(seed: 17)

  /// Names, not optimizers, so that a test can be printed.
  static let rules = [
    "adam", "adam amsgrad", "adamw", "adam maximize", "sgd", "sgd momentum", "sgd nesterov", "rmsprop", "adagrad", "nadam", "adafactor",
  ]

  private func optimizer(_ rule: String, _ cells: [StateCell]) -> any Optimizer {
    switch rule {
    case "adam": Adam(cells, learningRate: 0.1, weightDecay: 0.1)
    case "adam amsgrad": Adam(cells, learningRate: 0.1, amsgrad: true)
    case "adamw": AdamW(cells, learningRate: 0.1, weightDecay: 0.1)
    case "adam maximize": Adam(cells, learningRate: 0.1, maximize: true)
    case "sgd": SGD(cells, learningRate: 0.1, weightDecay: 0.1)
    case "sgd momentum": SGD(cells, learningRate: 0.1, momentum: 0.9, dampening: 0.2, maximize: true)
    case "sgd nesterov": SGD(cells, learningRate: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true)
    case "rmsprop": RMSprop(cells, learningRate: 0.1)
    case "adagrad": Adagrad(cells, learningRate: 0.1)
    case "adafactor": Adafactor(cells, learningRate: 0.1)
    default: NAdam(cells, learningRate: 0.1)
    }
  }

  /// Parameters on the device and on the CPU after three steps with the same gradients.
  private func moved(_ rule: String, _ shapes: [[Int]], _ dtype: DType) -> [(onDevice: Tensor, reference: Tensor)] {
    let values = shapes.map { generator.randn($0).to(dtype) }
    let gradients = (0..<3).map { _ in shapes.map { generator.randn($0).to(dtype) } }
    func run(_ device: Device) -> [Tensor] {
      let cells = values.map { StateCell($0.to(device), isParameter: true) }
      let optimizer = optimizer(rule, cells)
      for step in gradients {
        for (cell, gradient) in zip(cells, step) { cell.grad = gradient.to(device) }
        optimizer.step()
      }
      return cells.map { $0.value.detach() }
    }
    return Array(zip(run(.cuda), run(.cpu))).map { (onDevice: $0, reference: $1) }
  }

  @Test(arguments: rules, NormalizationTests.dtypes)
  func parametersMoveAsOnTheCPU(_ rule: String, _ dtype: DType) {
    // What fills several blocks, parts of vectors and nothing.
    for (result, reference) in moved(rule, [[3], [16384], [0], [5, 7], [16389], []], dtype) where reference.elementCount > 0 {
      // A square that was rounded to 16 bits divides: what one place more or less means there is large.
      #expect(error(of: result, against: reference) < (dtype.size == 2 ? 2 : 10) * tolerance(dtype), "\(rule) \(reference.summary)")
    }
  }

  /// More tensors than one launch takes, of several dtypes.
  @Test func longLists() {
    let values = (0..<150).map { generator.randn([$0 % 7 + 1]).to($0 % 50 == 49 ? .float64 : .float32) }
    func run(_ device: Device) -> [Tensor] {
      let cells = values.map { StateCell($0.to(device), isParameter: true) }
      let optimizer = AdamW(cells, learningRate: 0.1)
      for cell in cells { cell.grad = cell.value.detach() * 0.3 + 0.1 }
      optimizer.step()
      return cells.map { $0.value.detach() }
    }
    for (result, reference) in zip(run(.cuda), run(.cpu)) { #expect(error(of: result, against: reference) < 1e-5) }
  }

  @Test(arguments: ["adam", "sgd momentum"]) func complexNumbersArePairs(_ rule: String) {
    for (result, reference) in moved(rule, [[9], [4, 3]], .complex64) {
      #expect(error(of: result.viewAsReal(), against: reference.viewAsReal()) < 1e-5)
    }
  }

  /// One group on both devices.
  @Test func parametersOfSeveralDevices() {
    let cells = [Device.cpu, .cuda, .cuda, .cpu].map { StateCell(Tensor.ones([4]).to($0), isParameter: true) }
    for cell in cells { cell.grad = cell.value.detach() * 2 }
    Adam(cells, learningRate: 0.5).step()
    for cell in cells { #expect(cell.value.to(.cpu).elements(as: Float.self).allSatisfy { abs($0 - 0.5) < 1e-5 }) }
  }
}
