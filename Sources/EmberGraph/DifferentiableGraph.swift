import EmberRuntime
import EmberTensor

/// What one capture of a function gives: its graph and, where gradients are wanted, that of its derivative.
struct Recording: Sendable {
  var forward: Graph
  var derivative: Derivative?

  struct Derivative: Sendable {
    var graph: Graph
    let outputCount: Int
    /// Positions of the inputs, and the parameters, that take gradients, in the order of the backward graph's results.
    let inputTargets: [Int]
    let cellTargets: [StateCell]
    /// Which outputs carry gradients; the backward graph takes one for each, and then the kept values.
    let differentiableOutputs: [Int]
  }

  /// Captures the function and, if gradients are on and one of its results has any, its derivative in one go.
  init(_ examples: [Tensor], _ options: CompileOptions, _ body: ([Tensor]) -> [Tensor]) throws {
    var recording = try catchingErrors {
      Tracer.run { tracer in
        let inputs = examples.map { example in
          let input = tracer.input(like: example)
          return example.requiresGrad ? input.requiringGrad() : input
        }
        return Self(tracer, inputs, outputs: body(inputs))
      }
    }
    recording.forward = try recording.forward.optimized(options.passes, verifying: options.verifies)
    if let graph = recording.derivative?.graph {
      recording.derivative!.graph = try graph.optimized(options.passes, verifying: options.verifies)
    }
    self = recording
  }

  private init(_ tracer: Tracer, _ inputs: [Tensor], outputs: [Tensor]) {
    let differentiable = isGradEnabled ? outputs.indices.filter { outputs[$0].requiresGrad } : []
    guard !differentiable.isEmpty else {
      forward = Graph(tracer, outputs: outputs)
      return
    }
    // Forward and then backward in one graph, which is cut in between.
    let cut = tracer.records.count
    let cells = tracer.cells.filter { $0.cell.isParameter && tracer.current($0.cell).requiresGrad }.map(\.cell)
    let inputTargets = inputs.indices.filter { inputs[$0].requiresGrad }
    let targets = inputTargets.map { inputs[$0] } + cells.map { tracer.current($0) }
    let arriving = differentiable.map { tracer.input(like: outputs[$0]) }
    let gradients = grad(of: differentiable.map { outputs[$0] }, with: targets, gradients: arriving)
    let whole = Graph(tracer, outputs: outputs + gradients)

    var first = whole, second = whole
    let arrivingValues = Array(whole.inputs.suffix(differentiable.count))
    first.inputs = Array(whole.inputs.dropLast(differentiable.count))
    first.nodes = Array(whole.nodes.prefix(cut))
    second.nodes = Array(whole.nodes.dropFirst(cut))
    second.outputs = Array(whole.outputs.dropFirst(outputs.count))
    second.writes = []
    second.reads = []
    second.guards = []
    second.inputs = arrivingValues
    GraphPass.deadCode.run(&second)
    // What the second part reads and does not make itself is kept from the forward run to the backward run.
    let made = Set(second.nodes.flatMap(\.outputs)).union(arrivingValues).union(second.constants.keys)
    let needed = Set(second.nodes.flatMap { $0.inputs.compactMap { $0 } } + second.outputs).subtracting(made).sorted()
    second.inputs = arrivingValues + needed
    first.outputs = Array(whole.outputs.prefix(outputs.count)) + needed
    forward = first
    derivative = Derivative(
      graph: second, outputCount: outputs.count, inputTargets: inputTargets, cellTargets: cells, differentiableOutputs: differentiable)
  }
}

/// A function and its derivative as two graphs: the first also gives what the second reads.
final class DifferentiableGraph: Sendable {
  let forward: Executable
  private let backward: Executable
  private let layout: Recording.Derivative

  var guardsHold: Bool { forward.guardsHold && layout.cellTargets.allSatisfy(\.requiresGrad) }

  /// - Parameter other: of the same function at another size.
  init(_ forward: Graph, _ derivative: Recording.Derivative, like other: DifferentiableGraph?) {
    self.forward = Executable(forward, precomputes: false, like: other?.forward)
    backward = Executable(derivative.graph, precomputes: false, like: other?.backward)
    layout = derivative
  }

  func attempt(_ inputs: [Tensor]) -> Executable.Outcome {
    let outcome = forward.attempt(inputs)
    guard case .results(let all) = outcome else { return outcome }
    let targets = layout.inputTargets.map { inputs[$0] } + layout.cellTargets.map(\.value)
    var outputs = Array(all.prefix(layout.outputCount))
    let kept = Array(all.dropFirst(layout.outputCount)), backward = backward
    let recorded = recordFunction("compiled", targets, layout.differentiableOutputs.map { outputs[$0] }) { gradients in
      backward.run(gradients + kept)
    }
    for (i, output) in zip(layout.differentiableOutputs, recorded) { outputs[i] = output }
    return .results(outputs)
  }
}
