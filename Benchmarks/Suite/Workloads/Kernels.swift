import Ember

/// Single operations on large tensors.
let kernels: [Workload] =
  [
    withGradient("softmax", "softmax") { x, _ in x.softmax(1) },
    withGradient("layer-norm", "layer norm") { x, w in x.layerNorm([1024], weight: w, bias: w) },
    withGradient("gelu", "GELU") { x, _ in x.gelu() },
    Workload(name: "cross-entropy", title: "cross-entropy, forward and backward, 4096 × 1024", target: 0.60) {
      manualSeed(0)
      let x = Tensor.randn([4096, 1024], requiresGrad: true), y = Tensor.randint(0, 1024, [4096])
      func run() -> Tensor {
        x.grad = nil
        let loss = x.crossEntropy(y)
        loss.backward()
        return loss
      }
      return Prepared([try run().itemOrThrow()] + digest(x.grad! * 1e4)) { _ = run() }
    },
    chain(1_000_000, "10⁶"), chain(10_000_000, "10⁷"),
    Workload(name: "adam-step", title: "Adam step, 10 M parameters in 100 tensors", target: 1.0, peer: .fused) {
      manualSeed(0)
      let cells = (0..<100).map { _ in StateCell(Tensor.randn([100_000]), isParameter: true) }
      for cell in cells { cell.grad = cell.value.detach() * 0.1 }
      let optimizer = Adam(cells, learningRate: 1e-3)
      optimizer.step()
      return Prepared(digest(cells[0].value)) { optimizer.step() }
    },
  ] + [64, 128, 256, 512, 1024, 2048].map { gemm($0, .float32) } + [256, 512, 1024, 2048].map { gemm($0, .bfloat16) }

/// Forward and backward of a function that keeps the shape, 4096 × 1024.
private func withGradient(_ name: String, _ title: String, _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Workload {
  Workload(name: name, title: "\(title), forward and backward, 4096 × 1024", target: 0.60, tolerance: 1e-3) {
    manualSeed(0)
    let x = Tensor.randn([4096, 1024], requiresGrad: true), w = Tensor.rand([1024]), g = Tensor.randn([4096, 1024])
    func run() -> Tensor {
      x.grad = nil
      let y = function(x, w)
      y.backward(g)
      return y
    }
    let y = run()
    return Prepared(digest(y) + digest(x.grad!)) { _ = run() }
  }
}

private func chain(_ count: Int, _ label: String) -> Workload {
  Workload(name: "pointwise-\(count)", title: "chain of 8 pointwise operations on \(label) elements, eager", target: 0.60) {
    manualSeed(0)
    let x = Tensor.rand([count]), y = Tensor.rand([count])
    func run() -> Tensor { (((((x * y) + x).sigmoid() - y) * 2).tanh() + x).relu() }
    return Prepared(digest(run())) { _ = run() }
  }
}

private func gemm(_ n: Int, _ dtype: DType) -> Workload {
  let isHalf = dtype == .bfloat16
  return Workload(
    name: "gemm-\(isHalf ? "bf16" : "f32")-\(n)", title: isHalf ? "GEMM 256…2048, bf16" : "GEMM 64…2048, f32", target: 0.97,
    tolerance: isHalf ? 2e-2 : 1e-3
  ) {
    manualSeed(0)
    let a = Tensor.rand([n, n]).to(dtype), b = Tensor.rand([n, n]).to(dtype)
    return Prepared(digest(a.matmul(b))) { _ = a.matmul(b) }
  }
}
