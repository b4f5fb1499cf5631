import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor

extension GPUWorkload {
  private func attentionInputs(_ count: Int) -> [Tensor] {
    let shape = [size(16, tiny: 2), size(12, tiny: 2), size(1024, tiny: 32), 64]
    return (1...UInt64(count)).map { normal(shape, .bfloat16, seed: $0) }
  }

  private func with<R>(_ kernels: AttentionKernels?, _ body: () throws -> R) rethrows -> R {
    let selected = AttentionKernels.selected
    defer { AttentionKernels.selected = selected }
    if let kernels { AttentionKernels.selected = kernels }
    return try body()
  }

  /// Both passes, by the kernels that the environment or `kernels` chooses.
  func attention(_ kernels: AttentionKernels? = nil) -> Outcome {
    let x = attentionInputs(4), leaves = x.prefix(3).map { $0.requiringGrad() }
    return with(kernels) {
      Outcome(seconds: time { leaves[0].scaledDotProductAttention(leaves[1], leaves[2], isCausal: true).backward(x[3]) })
    }
  }

  func attentionForward(_ kernels: AttentionKernels? = nil) -> Outcome {
    let x = attentionInputs(3)
    // Enough to warm up for cuDNN's plan to be worth its making.
    return with(kernels) {
      Outcome(seconds: time(warmUp: size(500, tiny: 3)) { _ = x[0].scaledDotProductAttention(x[1], x[2], isCausal: true) })
    }
  }

  // MARK: Whether attention is right

  private struct Case {
    var dtype: DType = .bfloat16
    var queries: Int
    var keys: Int
    var features: Int
    var isCausal: Bool
    /// Queries, keys and values are views of one projection, as in GPT-2: heads lie between rows.
    var isProjected = false
    var description: String {
      "\(dtype) \(queries) queries \(keys) keys \(features) features\(isCausal ? " causal" : "")\(isProjected ? " projected" : "")"
    }
  }

  private var cases: [Case] {
    var cases: [Case] = []
    for features in [64, 128] {
      for length in [size(1024, tiny: 128), size(1000, tiny: 72)] {
        for isCausal in [true, false] {
          cases.append(Case(queries: length, keys: length, features: features, isCausal: isCausal))
        }
      }
    }
    let length = size(1024, tiny: 128)
    cases.append(Case(queries: length, keys: length, features: 64, isCausal: true, isProjected: true))
    cases.append(Case(dtype: .float16, queries: size(300, tiny: 30), keys: size(777, tiny: 77), features: 40, isCausal: true))
    cases.append(Case(dtype: .float16, queries: size(777, tiny: 77), keys: size(256, tiny: 26), features: 96, isCausal: false))
    return cases
  }

  /// Results and gradients of attention written in products and softmax of float32.
  private func composed(_ x: [Tensor], isCausal: Bool) -> [Tensor] {
    let leaves = x.prefix(3).map { $0.to(.float32).detach().requiringGrad() }
    var scores = leaves[0].matmul(leaves[1].mT) * (1 / Double(x[0].shape[-1]).squareRoot())
    if isCausal {
      let rows = Tensor.arange(x[0].shape[-2], on: x[0].device).unsqueeze(1)
      scores = scores.maskedFill(Tensor.arange(x[1].shape[-2], on: x[0].device) .> rows, .real(-.infinity))
    }
    let y = scores.softmax(-1).matmul(leaves[2])
    y.backward(x[3].to(.float32))
    return [y.detach()] + leaves.map { $0.grad! }
  }

  private func fused(_ x: [Tensor], isCausal: Bool) -> [Tensor] {
    let leaves = x.prefix(3).map { $0.detach().requiringGrad() }
    let y = leaves[0].scaledDotProductAttention(leaves[1], leaves[2], isCausal: isCausal)
    y.backward(x[3])
    return [y.detach()] + leaves.map { $0.grad! }
  }

  /// Queries, keys, values and the gradient of the result of a case.
  private func inputs(_ c: Case) -> [Tensor] {
    let (batch, heads) = (2, 3)
    if c.isProjected {
      func parts(_ count: Int, seed: UInt64) -> [Tensor] {
        let whole = normal([batch, c.queries, count, heads, c.features], c.dtype, seed: seed)
        return (0..<count).map { whole.select(2, $0).permute([0, 2, 1, 3]) }
      }
      return parts(3, seed: 1) + parts(1, seed: 4)
    }
    return zip([c.queries, c.keys, c.keys, c.queries], 1...4).map { normal([batch, heads, $0, c.features], c.dtype, seed: $1) }
  }

  /// Prints a line for each case and each choice of kernels: the largest difference of the result and of each gradient from float32's, by
  /// the largest number. On standard error cuDNN's plans, or why there are none.
  func checkAttention() throws -> Outcome {
    let explains = CUDA.explainsCuDNN
    CUDA.explainsCuDNN = true
    defer { CUDA.explainsCuDNN = explains }
    func errors(_ results: [Tensor], _ references: [Tensor]) -> [Double] {
      zip(results, references).map { result, reference in
        Double((result.to(.float32) - reference).abs().max().item()) / Double(reference.abs().max().item())
      }
    }
    var largest = 0.0
    func report(_ kernels: String, _ text: String, _ calls: Int, _ values: [Double]) {
      let parts = zip(["y", "dq", "dk", "dv"], values).map { "\"\($0)\": \($1.isFinite ? "\($1)" : "null")" }
      print("{\"name\": \"attention-check \(kernels) \(text)\", \"passes of cuDNN\": \(calls), \(parts.joined(separator: ", "))}")
      largest = max(largest, values.map { $0.isFinite ? $0 : .infinity }.max() ?? .infinity)
    }
    for c in cases {
      let x = inputs(c)
      let reference = composed(x, isCausal: c.isCausal)
      for kernels in [AttentionKernels.own, .cudnn] {
        let calls = AttentionKernels.callsOfCuDNN
        let results = with(kernels) { fused(x, isCausal: c.isCausal) }
        report(kernels.rawValue, c.description, AttentionKernels.callsOfCuDNN - calls, errors(results, reference))
      }
    }
    // The logarithms of one are read by the other, and both passes are recorded and run again.
    let x = (1...4).map { normal([2, 3, size(256, tiny: 64), 64], .bfloat16, seed: UInt64($0)) }
    let reference = composed(x, isCausal: true)
    for (first, second) in [(AttentionKernels.own, AttentionKernels.cudnn), (.cudnn, .own)] {
      let calls = AttentionKernels.callsOfCuDNN
      let leaves = x.prefix(3).map { $0.detach().requiringGrad() }
      let y = with(first) { leaves[0].scaledDotProductAttention(leaves[1], leaves[2], isCausal: true) }
      with(second) { y.backward(x[3]) }
      report(
        "\(first.rawValue) then \(second.rawValue)", "bfloat16 causal", AttentionKernels.callsOfCuDNN - calls,
        errors([y.detach()] + leaves.map { $0.grad! }, reference))
    }
    if device.type == .cuda {
      try with(.cudnn) {
        var results = fused(x, isCausal: true)
        let inputs = x.map { $0.clone() }
        let calls = AttentionKernels.callsOfCuDNN
        let graph = try CUDAGraph(on: device) { results = fused(inputs, isCausal: true) }
        let recorded = AttentionKernels.callsOfCuDNN - calls
        let others = (5...8).map { normal([2, 3, size(256, tiny: 64), 64], .bfloat16, seed: UInt64($0)) }
        for (tensor, target) in zip(others, inputs) { graph.copy(tensor, into: target) }
        graph.replay()
        report("recorded", "bfloat16 causal", recorded, errors(results, composed(others, isCausal: true)))
      }
    }
    return Outcome(seconds: 0, check: largest)
  }
}
