// What an operation costs besides its arithmetic: tensors of ten elements, best of several rounds. Then what graphs cost before they run,
// and what fusion saves.
//
//   swift run -c release Overhead [part of a name]

import EmberGraph
import EmberNN
import EmberTensor
import EmberVision

let clock = ContinuousClock()

func isWanted(_ name: String) -> Bool { CommandLine.arguments.count <= 1 || name.contains(CommandLine.arguments[1]) }

func seconds(_ body: () -> Void) -> Double {
  let elapsed = clock.measure(body)
  return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
}

func milliseconds(_ seconds: Double) -> String { "\(Double((seconds * 1e6).rounded()) / 1e3) ms" }

/// Nanoseconds per call, the best of ten rounds.
/// `operations`: how many one call of the body stands for.
func measure(_ name: String, count: Int = 200_000, operations: Int = 1, _ body: () -> Void) {
  guard isWanted(name) else { return }
  let best = (0..<10).map { _ in seconds { for _ in 0..<count { body() } } }.min()!
  print("\(name): \(Int((best / Double(count * operations) * 1e9).rounded())) ns")
}

let a = Tensor.rand([10]), b = Tensor.rand([10])
var c = a + b
let w = Tensor.rand([10], requiresGrad: true)
measure("add, 10 elements") { _ = a + b }
measure("add with a gradient node") { _ = a + w }
measure("add in place") { [b] in c += b }
measure("multiply by a number") { _ = a * 2.0 }
measure("select (a view)") { _ = a[3] }
measure("matmul 4x4", count: 100_000) { [m = Tensor.rand([4, 4])] in _ = m.matmul(m) }
measure("add, record and walk back, per operation of a chain of 1,000", count: 20, operations: 1000) {
  var y = w
  for _ in 0..<1000 { y = y + b }
  y.sum().backward()
}

/// What the first call of a compiled model takes, that at another batch size, and what a call takes when both sizes are known.
func measureSizes(_ name: String, _ model: any Layer<Tensor, Tensor>, _ input: (Int) -> Tensor) {
  guard isWanted(name) else { return }
  model.eval()
  noGrad {
    let fast = compile(model, options: CompileOptions(dynamicDimensions: [[0: "batch"]]))
    let inputs = [3, 5].map(input)
    let first = inputs.map { input in seconds { _ = fast(input) } }
    let known = inputs.map { input in (0..<10).map { _ in seconds { _ = fast(input) } }.min()! }
    print("\(name): capture \(milliseconds(first[0] - known[0])), a further size \(milliseconds(first[1] - known[1]))")
  }
}

measureSizes("graph of a small network, dynamic batch", Sequential(Linear(16, 32), ReLU(), Linear(32, 4))) { Tensor.rand([$0, 16]) }
measureSizes("graph of a ResNet-50, dynamic batch", ResNet(.bottleneck, depths: [3, 4, 6, 3])) { Tensor.rand([$0, 3, 64, 64]) }

/// What a call of a graph takes, and one after some module was made, which looks for layers that took others' places.
func measureGuards(_ name: String, _ model: any Layer<Tensor, Tensor>, _ input: Tensor) {
  model.eval()
  noGrad {
    let fast = compile(model)
    measure("\(name), a call", count: 200) { _ = fast(input) }
    measure("\(name), a call after a module was made", count: 200) {
      _ = ReLU()
      _ = fast(input)
    }
  }
}

measureGuards("graph of a small network", Sequential(Linear(16, 32), ReLU(), Linear(32, 4)), Tensor.rand([3, 16]))
measureGuards("graph of a ResNet-50", ResNet(.bottleneck, depths: [3, 4, 6, 3]), Tensor.rand([1, 3, 32, 32]))

/// A function run as it stands and as a graph, in which what is reduced is never stored.
func measureFusion(_ name: String, _ function: @escaping (Tensor, Tensor) -> Tensor) {
  guard isWanted(name) else { return }
  let x = Tensor.rand([10_000_000]), y = Tensor.rand([10_000_000])
  let fast = compile { x, y in function(x, y) }
  let times = [{ _ = function(x, y) }, { _ = fast(x, y) }].map { body in (0..<20).map { _ in seconds(body) }.min()! }
  print("\(name), 10,000,000 elements: eager \(milliseconds(times[0])), compiled \(milliseconds(times[1]))")
}

measureFusion("sum of a squared difference") { ($0 - $1).square().sum() }
measureFusion("sum of exponentials of a difference") { ($0 - $1).exp().sum() }
