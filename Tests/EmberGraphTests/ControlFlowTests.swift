import EmberRuntime
import EmberTensor
import Testing

@testable import EmberGraph

private var checked: CompileOptions {
  var options = CompileOptions()
  options.verifies = true
  return options
}

private func difference(_ a: Tensor, _ b: Tensor) -> Double { (a - b).abs().amax().item() }

/// Each function once as it is and once as a graph: values and gradients.
struct ControlFlowTests {
  private func agrees(_ inputs: [Tensor], _ function: @escaping ([Tensor]) -> Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
    func results(_ function: ([Tensor]) -> Tensor) -> [Tensor] {
      let leaves = inputs.map { $0.requiringGrad() }
      let y = function(leaves)
      return [y.detach()] + grad(of: [y.sum()], with: leaves)
    }
    let fast = CompiledFunction(options: checked) { [function($0)] }
    let expected = results(function), first = results { fast($0)[0] }, second = results { fast($0)[0] }
    for (i, value) in expected.enumerated() {
      #expect(difference(first[i], value) < 1e-9 && difference(second[i], value) < 1e-9, "\(i)", sourceLocation: sourceLocation)
    }
    // One capture for all calls.
    #expect(fast.graphs.count == 1, sourceLocation: sourceLocation)
  }

  @Test func aBranchIsChosenByData() {
    let x = Tensor.randn([5], dtype: .float64, generator: Generator(seed: 1))
    let w = Tensor.randn([5], dtype: .float64, generator: Generator(seed: 2))
    for sign in [1.0, -1.0] {
      agrees([x.abs() * sign, w]) { all in
        let (x, w) = (all[0], all[1])
        // The closures use w of their surroundings.
        return cond(x.sum() .> 0, [x], then: { [($0[0] * w).sin()] }, else: { [$0[0].exp() + w * w] })[0] * 2
      }
    }
  }

  @Test func bothBranchesLiveInOneGraph() {
    let fast = compile(options: checked) { (x: Tensor) in cond(x.sum() .> 0, [x], then: { [$0[0] * 2] }, else: { [-$0[0]] })[0] }
    #expect(fast(Tensor([1.0, 2.0])).elements(as: Double.self) == [2, 4])
    #expect(fast(Tensor([-1.0, -2.0])).elements(as: Double.self) == [1, 2])
    #expect(fast.graphs.count == 1)
  }

  @Test func aLoopEndsWhenItsConditionSaysSo() {
    func collatz(_ n: Tensor) -> Tensor {
      whileLoop([n, Tensor.zeros(like: n)], condition: { $0[0] .> 1 }) { all in
        let (n, steps) = (all[0], all[1])
        return [`where`(n.remainder(Tensor(2)) .== 0, n.floorDivide(Tensor(2)), n * 3 + 1), steps + 1]
      }[1]
    }
    let fast = compile(options: checked) { (n: Tensor) in collatz(n) }
    for n in [1, 6, 27] { #expect(fast(Tensor(n)).item(as: Int.self) == collatz(Tensor(n)).item(as: Int.self)) }
    #expect(fast(Tensor(27)).item(as: Int.self) == 111 && fast.graphs.count == 1)
  }

  @Test func aScanIsDifferentiable() {
    let x = Tensor.randn([6, 3], dtype: .float64, generator: Generator(seed: 3))
    let w = Tensor.randn([3, 3], dtype: .float64, generator: Generator(seed: 4))
    let h = Tensor.randn([3], dtype: .float64, generator: Generator(seed: 5))
    agrees([x, w, h]) { all in
      let w = all[1]
      let (last, outputs) = scan([all[2]], over: [all[0]]) { carry, slices in
        let next = (carry[0].matmul(w) + slices[0]).tanh()
        return ([next], [next * next])
      }
      return last[0].sum() + outputs[0].sum() * 0.5
    }
  }

  @Test func whatDoesNotFitIsRefused() {
    let x = Tensor.ones([2])
    func message(_ body: @escaping (Tensor) -> Tensor) -> String {
      do {
        _ = try capture([x]) { [body($0[0])] }
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { cond($0.sum() .> 0, [$0], then: { [$0[0]] }, else: { [$0[0].sum()] })[0] }.contains("must be alike"))
    #expect(message { whileLoop([$0], condition: { $0[0].sum() .> 0 }) { [$0[0].sum()] }[0] }.contains("keep shape"))
    #expect(message { cond($0 .> 0, [$0], then: { $0 }, else: { $0 })[0] }.contains("one element"))
    #expect(message { $0.sum().item() > 0 ? $0 : -$0 }.contains("cond"))
  }
}
