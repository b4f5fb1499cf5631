// What an operation costs besides its arithmetic: tensors of ten elements, best of several rounds.
//
//   swift run -c release Overhead [part of a name]

import EmberTensor

let clock = ContinuousClock()

/// Nanoseconds per call, the best of ten rounds.
/// `operations`: how many one call of the body stands for.
func measure(_ name: String, count: Int = 200_000, operations: Int = 1, _ body: () -> Void) {
  if CommandLine.arguments.count > 1, !name.contains(CommandLine.arguments[1]) { return }
  var best = Double.infinity
  for _ in 0..<10 {
    let elapsed = clock.measure { for _ in 0..<count { body() } }
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    best = min(best, seconds / Double(count * operations) * 1e9)
  }
  print("\(name): \(Int(best.rounded())) ns")
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
