import EmberRuntime
import EmberTensor

/// A function and its derivative as two graphs: the first also gives what the second reads.
///
/// Captured together, forward and then backward, and cut between: values that the second part reads of the first one are kept from the
/// forward run to the backward run.
final class DifferentiableGraph: Sendable {
  let forward: Executable
  private let backward: Executable
  private let outputCount: Int
  /// Positions of the inputs, and the parameters, that take gradients, in the order of the backward graph's results.
  private let inputTargets: [Int]
  private let cellTargets: [StateCell]
  /// Which outputs carry gradients; the backward graph takes one for each, and then the kept values.
  private let differentiableOutputs: [Int]

  var guardsHold: Bool { forward.guardsHold && cellTargets.allSatisfy(\.requiresGrad) }

  /// Nil if nothing takes a gradient, so that a plain graph does.
  init?(_ examples: [Tensor], _ options: CompileOptions, _ body: ([Tensor]) -> [Tensor]) throws {
    struct Joint {
      let whole: Graph
      let cut: Int
      let outputCount: Int
      let differentiable: [Int]
      let inputTargets: [Int]
      let cellTargets: [StateCell]
    }
    let joint: Joint? = try catchingErrors {
      Tracer.run { tracer -> Joint? in
        let inputs = examples.map { example in
          let input = tracer.input(like: example)
          return example.requiresGrad ? input.requiringGrad() : input
        }
        let outputs = body(inputs)
        let differentiable = outputs.indices.filter { outputs[$0].requiresGrad }
        guard !differentiable.isEmpty else { return nil }
        let cut = tracer.records.count
        let cells = tracer.cells.filter { $0.cell.isParameter && tracer.current($0.cell).requiresGrad }.map(\.cell)
        let inputTargets = inputs.indices.filter { inputs[$0].requiresGrad }
        let targets = inputTargets.map { inputs[$0] } + cells.map { tracer.current($0) }
        let arriving = differentiable.map { tracer.input(like: outputs[$0]) }
        let gradients = grad(of: differentiable.map { outputs[$0] }, with: targets, gradients: arriving)
        let graph = Graph(tracer, outputs: outputs + gradients)
        return Joint(
          whole: graph, cut: cut, outputCount: outputs.count, differentiable: differentiable, inputTargets: inputTargets,
          cellTargets: cells)
      }
    }
    guard let joint else { return nil }
    outputCount = joint.outputCount
    differentiableOutputs = joint.differentiable
    inputTargets = joint.inputTargets
    cellTargets = joint.cellTargets

    var first = joint.whole, second = joint.whole
    let arriving = Array(joint.whole.inputs.suffix(joint.differentiable.count))
    let own = Array(joint.whole.inputs.dropLast(joint.differentiable.count))
    first.inputs = own
    first.nodes = Array(joint.whole.nodes.prefix(joint.cut))
    second.nodes = Array(joint.whole.nodes.dropFirst(joint.cut))
    second.outputs = Array(joint.whole.outputs.dropFirst(joint.outputCount))
    second.writes = []
    second.reads = []
    second.guards = []
    second.inputs = arriving
    GraphPass.deadCode.run(&second)
    // What the second part reads and does not make itself.
    let made = Set(second.nodes.flatMap(\.outputs)).union(arriving).union(second.constants.keys)
    let needed = Set(second.nodes.flatMap { $0.inputs.compactMap { $0 } } + second.outputs).subtracting(made).sorted()
    second.inputs = arriving + needed
    first.outputs = Array(joint.whole.outputs.prefix(joint.outputCount)) + needed
    forward = Executable(try first.optimized(options.passes, verifying: options.verifies), precomputes: false)
    backward = Executable(try second.optimized(options.passes, verifying: options.verifies), precomputes: false)
  }

  func attempt(_ inputs: [Tensor]) -> Executable.Outcome {
    let outcome = forward.attempt(inputs)
    guard case .results(let all) = outcome else { return outcome }
    let targets = inputTargets.map { inputs[$0] } + cellTargets.map(\.value)
    var outputs = Array(all.prefix(outputCount))
    let kept = Array(all.dropFirst(outputCount)), backward = backward
    let recorded = recordFunction("compiled", targets, differentiableOutputs.map { outputs[$0] }) { gradients in
      backward.run(gradients + kept)
    }
    for (i, output) in zip(differentiableOutputs, recorded) { outputs[i] = output }
    return .results(outputs)
  }
}
