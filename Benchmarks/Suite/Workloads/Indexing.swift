import Ember

/// Operations that move elements by number, on 10⁷ of them.
let indexing: [Workload] = [
  on10M("sort", "sort, 10⁷") { x, _ in x.sort().values },
  on10M("topk", "top-k (100), 10⁷") { x, _ in x.topk(100).values },
  on10M("cumsum", "cumsum, 10⁷") { x, _ in x.cumsum(0) },
  on10M("gather", "gather, 10⁷") { x, i in x.gather(dim: 0, index: i) },
  on10M("scatter-add", "scatter-add, 10⁷") { x, i in Tensor.zeros([10_000_000]).scatterAdd(dim: 0, index: i, source: x) },
  on10M("boolean-mask", "boolean mask, 10⁷") { x, _ in x[x .> 0.5] },
  Workload(name: "embedding", title: "embedding, forward and backward, 50k × 512, 8k tokens", target: 0.7) {
    manualSeed(0)
    let table = Tensor.rand([50_000, 512], requiresGrad: true), tokens = Tensor.randint(0, 50_000, [8192])
    func run() -> Tensor {
      table.grad = nil
      let y = tokens.embedding(table)
      y.sum().backward()
      return y
    }
    return Prepared(digest(run()) + digest(table.grad!)) { _ = run() }
  },
]

private func on10M(_ name: String, _ title: String, _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Workload {
  // A cumulative sum of ten million numbers differs in the last digits with the order of additions.
  Workload(name: name, title: title, target: 0.9, tolerance: 1e-3) {
    manualSeed(0)
    let x = Tensor.rand([10_000_000]), i = Tensor.randint(0, 10_000_000, [10_000_000])
    return Prepared(digest(function(x, i))) { _ = function(x, i) }
  }
}
