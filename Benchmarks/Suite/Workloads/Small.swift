import Ember

/// What an operation costs besides its arithmetic.
let small: [Workload] = [
  Workload(name: "add-10", title: "add, 10 elements", target: 0.15) {
    manualSeed(0)
    let a = Tensor.rand([10]), b = Tensor.rand([10])
    return Prepared(digest(a + b)) { _ = a + b }
  },
  Workload(name: "add-10-gradient", title: "add, 10 elements, with a gradient node", target: 0.15) {
    manualSeed(0)
    let a = Tensor.rand([10]), w = Tensor.rand([10], requiresGrad: true)
    return Prepared(digest(a + w)) { _ = a + w }
  },
  Workload(name: "chain-backward", title: "backward, chain of 1,000 additions of 10 elements", target: 0.15) {
    manualSeed(0)
    let b = Tensor.rand([10]), w = Tensor.rand([10], requiresGrad: true)
    func chain() -> Tensor {
      var y = w
      for _ in 0..<1000 { y = y + b }
      return y.sum()
    }
    let y = chain()
    y.backward(retainGraph: true)
    return Prepared(digest(w.grad!)) { y.backward(retainGraph: true) }
  },
]
