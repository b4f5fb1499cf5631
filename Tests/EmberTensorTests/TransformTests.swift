import EmberRuntime
import EmberTensor
import Testing

@Suite struct TransformTests {
  /// Differences of `function` along each element of `x`, as a Jacobian [result..., x...].
  private func differences(_ function: (Tensor) -> Tensor, at x: Tensor, step: Double = 1e-5) -> Tensor {
    let columns = (0..<x.elementCount).map { i -> Tensor in
      let unit = Tensor.eye(x.elementCount, dtype: .float64)[i].reshape(Array(x.shape))
      return (function(x + unit * step) - function(x - unit * step)) / (2 * step)
    }
    let result = columns[0]
    return stack(columns, dim: -1).reshape(Array(result.shape) + Array(x.shape))
  }

  @Test(arguments: Samples.all.filter(\.isDifferentiable))
  func jacobiansAgreeInBothModes(_ sample: Sample) {
    let inputs = sample.inputs()
    let reverse = jacobian(sample.run, at: inputs), forward = jacobian(sample.run, at: inputs, mode: .forward)
    let chunked = jacobian(sample.run, at: inputs, chunkSize: 3)
    let value = sample.run(inputs)
    // Row by row, without batches.
    let leaves = inputs.map { $0.requiringGrad() }
    let result = sample.run(leaves)
    for i in inputs.indices {
      expectClose(forward[i], reverse[i], "\(sample), input \(i), modes", tolerance: 1e-9)
      expectClose(chunked[i], reverse[i], "\(sample), input \(i), chunks")
      guard value.elementCount > 0, result.requiresGrad else { continue }
      let rows = (0..<value.elementCount).map { row in
        grad(
          of: [result], with: [leaves[i]], gradients: [Tensor.eye(value.elementCount, dtype: value.dtype)[row].reshape(Array(value.shape))],
          retainGraph: true)[0]
      }
      let loop = stack(rows).reshape(Array(value.shape) + Array(inputs[i].shape))
      expectClose(reverse[i], loop, "\(sample), input \(i), loop", tolerance: 1e-9)
    }
  }

  @Test func jacobianAndHessianAgreeWithDifferences() {
    let w = numbers([3, 4], seed: 3), x = numbers([4], seed: 4)
    func layer(_ x: Tensor) -> Tensor { w.matmul(x).tanh() }
    for mode in [DifferentiationMode.reverse, .forward] {
      expectClose(jacobian(layer, at: x, mode: mode), differences(layer, at: x), "jacobian \(mode)", tolerance: 1e-6)
    }
    func loss(_ x: Tensor) -> Tensor { (layer(x).square() * x.sum().exp()).sum() }
    func gradient(_ x: Tensor) -> Tensor { valueAndGrad(loss, at: x).gradient }
    let second = hessian(loss, at: x)
    expectClose(second, differences(gradient, at: x), "hessian", tolerance: 1e-5)
    // The same by every composition of the transforms.
    expectClose(jacobian(gradient, at: x), second, "reverse over reverse")
    expectClose(jacobian(gradient, at: x, mode: .forward), second, "forward over reverse")
    expectClose(jacobian({ jacobian(loss, at: $0, mode: .forward) }, at: x), second, "reverse over forward")
    expectClose(jacobian({ jacobian(loss, at: $0, mode: .forward) }, at: x, mode: .forward), second, "forward over forward")
    let direction = numbers([4], seed: 5)
    expectClose(
      jvp({ gradient($0[0]) }, at: [x], tangents: [direction]).tangent, second.matmul(direction), "product with the hessian",
      tolerance: 1e-9)
    let third = jacobian({ hessian(loss, at: $0) }, at: x)
    expectClose(third, differences({ hessian(loss, at: $0) }, at: x), "third derivatives", tolerance: 1e-4)
    let parts = hessian({ ($0[0] * $0[1].sum()).sum() * $0[0].sum() }, at: [x, w])
    expectClose(parts[0][1].permute(1, 2, 0), parts[1][0], "blocks are transposes")
  }

  @Test func transformsNestWithVmap() {
    let xs = numbers([5, 4], seed: 6), w = numbers([4], seed: 7)
    func f(_ x: Tensor, _ w: Tensor) -> Tensor { ((x * w).sum().sin() * (w * w * x).sum()) }
    let loop = (0..<5).map { xs[$0] }
    expectClose(
      vmap { hessian({ f($0, w) }, at: $0) }(xs), stack(loop.map { hessian({ f($0, w) }, at: $0) }), "vmap of a hessian", tolerance: 1e-9)
    expectClose(
      vmap { jacobian({ valueAndGrad({ f($0, w) }, at: $0).gradient }, at: $0, mode: .forward) }(xs),
      stack(loop.map { hessian({ f($0, w) }, at: $0) }), "vmap of a jacobian of a gradient", tolerance: 1e-9)
    // A gradient through a vmap of gradients: the inner ones depend on w by the outside.
    func penalty(_ w: Tensor) -> Tensor { vmap { x in valueAndGrad({ f($0, w) }, at: x).gradient.square().sum() }(xs).sum() }
    func looped(_ w: Tensor) -> Tensor {
      loop.reduce(Tensor(0.0, dtype: .float64)) { $0 + valueAndGrad({ f($0, w) }, at: $1).gradient.square().sum() }
    }
    expectClose(penalty(w), looped(w), "penalty")
    expectClose(valueAndGrad(penalty, at: w).gradient, differences(penalty, at: w), "its gradient", tolerance: 1e-6)
    expectClose(valueAndGrad(penalty, at: w).gradient, valueAndGrad(looped, at: w).gradient, "its gradient by the loop", tolerance: 1e-9)
    expectClose(hessian(penalty, at: w), hessian(looped, at: w), "its hessian by the loop", tolerance: 1e-8)
    // By w inside, where all members share it: each member has a gradient of its own.
    let own = vmap { x in valueAndGrad({ f(x, $0) }, at: w).gradient }(xs)
    expectClose(own, stack(loop.map { x in valueAndGrad({ f(x, $0) }, at: w).gradient }), "gradients by a shared input", tolerance: 1e-9)
    // Inside and outside at once: d/dv Σ (d/dw f(x·v, w))² with w a leaf inside and v one outside.
    func mixed(_ v: Tensor) -> Tensor {
      vmap { x in
        let (value, gradient) = valueAndGrad({ u in f(x, u * v) }, at: w)
        return gradient.square().sum() * value
      }(xs).sum()
    }
    expectClose(valueAndGrad(mixed, at: w).gradient, differences(mixed, at: w), "inside and outside", tolerance: 1e-5)
    // The tape from outside.
    let leaf = w.requiringGrad()
    vmap { x in f(x, leaf) }(xs).sum().backward()
    expectClose(leaf.grad!, own.sum(0), "backward through vmap", tolerance: 1e-9)
    // Nothing is recorded where nobody asks for it.
    #expect(!valueAndGrad({ f($0, w) }, at: loop[0]).gradient.requiresGrad)
    #expect(valueAndGrad({ f($0, w) }, at: loop[0].requiringGrad()).gradient.requiresGrad)
  }

  /// An operation of layers: its inputs, of which each may or may not differ among the members.
  private static let layers: [(name: String, inputs: [Tensor], run: @Sendable ([Tensor]) -> Tensor)] = [
    ("conv2d", [numbers([2, 4, 5, 6]), numbers([6, 2, 3, 3], seed: 2), numbers([6], seed: 3)],
      { $0[0].conv2d($0[1], $0[2], stride: 2, padding: 1, groups: 2) }),
    ("conv1d of one", [numbers([4, 7]), numbers([3, 4, 2], seed: 2)], { $0[0].conv1d($0[1], dilation: 2) }),
    ("conv_transpose2d", [numbers([2, 4, 3, 3]), numbers([4, 3, 2, 3], seed: 2), numbers([6], seed: 3)],
      { $0[0].convTranspose2d($0[1], $0[2], stride: 2, groups: 2) }),
    ("max_pool2d", [numbers([2, 3, 6, 6])], { $0[0].maxPool2d(3, stride: 2, padding: 1) }),
    ("adaptive_max_pool1d", [numbers([3, 7])], { $0[0].adaptiveMaxPool1d(3) }),
    ("avg_pool2d", [numbers([2, 3, 6, 6])], { $0[0].avgPool2d(2) }),
    ("adaptive_avg_pool2d", [numbers([2, 3, 5, 7])], { $0[0].adaptiveAvgPool2d([2, 3]) }),
    ("layer_norm", [numbers([3, 5]), numbers([5], seed: 2), numbers([5], seed: 3)], { $0[0].layerNorm([5], weight: $0[1], bias: $0[2]) }),
    ("group_norm", [numbers([2, 4, 3]), numbers([4], seed: 2), numbers([4], seed: 3)], { $0[0].groupNorm(2, weight: $0[1], bias: $0[2]) }),
    ("batch_norm", [numbers([4, 3, 2]), numbers([3], seed: 2), numbers([3], seed: 3)],
      { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output }),
    ("linear", [numbers([4]), numbers([3, 4], seed: 2), numbers([3], seed: 3)], { $0[0].linear($0[1], $0[2]) }),
    ("cross_entropy", [numbers([5, 3])], { $0[0].crossEntropy(Tensor([0, 2, -100, 1, 1]), labelSmoothing: 0.1) }),
    ("cross_entropy of one", [numbers([3])], { $0[0].crossEntropy(Tensor(1)) }),
    ("nll_loss weighted", [numbers([5, 3]), numbers([3], 0.5, 2, seed: 2)],
      { $0[0].nllLoss(Tensor([0, 2, 0, 1, 1]), weight: $0[1].detach()) }),
    ("embedding", [numbers([5, 2])], { Tensor([[1, 4], [0, 1]]).embedding($0[0], paddingIndex: 1) * $0[0].sum() }),
    ("diagonal", [numbers([3, 2, 4])], { $0[0].diagonal(offset: 1, dim1: -1, dim2: 0) * $0[0].diagonal(dim1: 0, dim2: 2).sum() }),
    ("cummax", [numbers([3, 4])], { $0[0].cummax(1).values }),
    ("logcumsumexp", [numbers([3, 4])], { $0[0].logCumSumExp(0) }),
    ("cumprod", [numbers([3, 4])], { $0[0].cumprod(-1) }),
    ("quantile", [numbers([3, 5])], { $0[0].quantile(Tensor([0.3], dtype: .float64), dim: 1) }),
    ("addmm", [numbers([2, 4]), numbers([2, 3], seed: 2), numbers([3, 4], seed: 3)], { $0[0].addmm($0[1], $0[2], beta: 0.5, alpha: 2) }),
    ("checkpoint", [numbers([3]), numbers([3], seed: 2)], { checkpoint($0) { $0[0].sin() * $0[1] } }),
  ]

  @Test(arguments: layers.indices)
  func layersAgreeWithTheLoop(_ number: Int) {
    let (name, inputs, run) = Self.layers[number]
    let all = (0..<3).map { i in inputs.map { $0.flip(Array(0..<$0.rank)) * (1 - 0.1 * Double(i)) } }
    func loss(_ x: [Tensor]) -> Tensor { (run(x).square() + run(x)).sum() }
    for mask in 1..<(1 << inputs.count) {
      let isBatched = inputs.indices.map { mask >> $0 & 1 == 1 }
      func member(_ i: Int) -> [Tensor] { inputs.indices.map { isBatched[$0] ? all[i][$0] : all[0][$0] } }
      let batch = inputs.indices.map { j in isBatched[j] ? stack(all.map { $0[j] }) : all[0][j] }
      let inDims = isBatched.map { $0 ? 0 : nil }
      expectClose(vmap(batch, inDims: inDims) { [run($0)] }[0], stack((0..<3).map { run(member($0)) }), "\(name) \(isBatched)")
      let expected = (0..<3).map { valueAndGrad(loss, at: member($0)).gradients }
      let inside = vmap(batch, inDims: inDims) { valueAndGrad(loss, at: $0).gradients }
      let outside = valueAndGrad({ vmap($0, inDims: inDims) { [loss($0)] }[0].sum() }, at: batch).gradients
      for j in inputs.indices {
        let gradient = stack(expected.map { $0[j] })
        expectClose(inside[j], gradient, "\(name) \(isBatched), gradient \(j) inside", tolerance: 1e-9)
        expectClose(outside[j], isBatched[j] ? gradient : gradient.sum(0), "\(name) \(isBatched), gradient \(j) outside", tolerance: 1e-9)
      }
    }
  }

  @Test func labelsDifferAmongMembers() {
    let logits = numbers([4, 5, 3]), labels = Tensor([[0, 1, 2, 1, 0], [2, 2, -100, 1, 0], [1, 1, 1, 1, 1], [0, 0, 2, 2, 1]])
    let weight = numbers([3], 0.5, 2, seed: 2)
    for reduction in [LossReduction.mean, .sum, .none] {
      let result = vmap { $0.crossEntropy($1, weight: weight, reduction: reduction) }(logits, labels)
      expectClose(result, stack((0..<4).map { logits[$0].crossEntropy(labels[$0], weight: weight, reduction: reduction) }), "\(reduction)")
    }
    let table = numbers([4, 3], seed: 5)
    let rows = Tensor([[0, 1], [1, 1], [3, 2]])
    let gradients = vmap { index in valueAndGrad({ index.embedding($0).square().sum() }, at: table).gradient }(rows)
    let loop = [[0, 1], [1, 1], [3, 2]].map { index in valueAndGrad({ Tensor(index).embedding($0).square().sum() }, at: table).gradient }
    expectClose(gradients, stack(loop), "embedding")
  }
}
