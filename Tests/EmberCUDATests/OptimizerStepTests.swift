import EmberCUDA
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// Optimizers on the device against the CPU's: the rules that have kernels for lists of tensors, and those of pointwise updates.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct OptimizerStepTests {
  /// Names, not optimizers, so that a test can be printed.
  static let rules = [
    "adam", "adam amsgrad", "adamw", "adam maximize", "sgd", "sgd momentum", "sgd nesterov", "rmsprop", "adagrad", "nadam",
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
    default: NAdam(cells, learningRate: 0.1)
    }
  }

  /// Parameters after three steps with the same gradients. Shapes that fill several blocks, parts of vectors and nothing.
  private func moved(_ rule: String, _ device: Device, _ shapes: [[Int]], _ dtype: DType) -> [Tensor] {
    manualSeed(17)
    let cells = shapes.map { StateCell(Tensor.randn($0).to(dtype).to(device), isParameter: true) }
    let optimizer = optimizer(rule, cells)
    for _ in 0..<3 {
      for (cell, shape) in zip(cells, shapes) { cell.grad = Tensor.randn(shape).to(dtype).to(device) }
      optimizer.step()
    }
    return cells.map { $0.value.detach() }
  }

  @Test(arguments: rules, NormalizationTests.dtypes)
  func parametersMoveAsOnTheCPU(_ rule: String, _ dtype: DType) {
    let shapes = [[3], [16384], [0], [5, 7], [16389], []]
    let results = moved(rule, .cuda, shapes, dtype), references = moved(rule, .cpu, shapes, dtype)
    for (result, reference) in zip(results, references) where reference.elementCount > 0 {
      // A square that was rounded to 16 bits divides: what one place more or less means there is large.
      #expect(error(of: result, against: reference) < (dtype.size == 2 ? 2 : 10) * tolerance(dtype), "\(rule) \(reference.summary)")
    }
  }

  /// More tensors than one launch takes, of several dtypes.
  @Test func longLists() {
    let shapes = (0..<150).map { [$0 % 7 + 1] }
    func run(_ device: Device) -> [Tensor] {
      manualSeed(4)
      let cells = shapes.enumerated().map { i, shape in
        StateCell(Tensor.randn(shape).to(i % 50 == 49 ? .float64 : .float32).to(device), isParameter: true)
      }
      let optimizer = AdamW(cells, learningRate: 0.1)
      for cell in cells { cell.grad = cell.value.detach() * 0.3 + 0.1 }
      optimizer.step()
      return cells.map { $0.value.detach() }
    }
    for (result, reference) in zip(run(.cuda), run(.cpu)) { #expect(error(of: result, against: reference) < 1e-5) }
  }

  @Test(arguments: ["adam", "sgd momentum"]) func complexNumbersArePairs(_ rule: String) {
    let results = moved(rule, .cuda, [[9], [4, 3]], .complex64), references = moved(rule, .cpu, [[9], [4, 3]], .complex64)
    for (result, reference) in zip(results, references) {
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
