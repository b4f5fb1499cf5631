import EmberRuntime
import EmberTensor

extension GraphPass {
  /// Pointwise functions that hand results of one shape to each other become one program: one pass over memory for all.
  ///
  /// A call joins the groups that make its inputs where nobody outside of them reads their results before this call, so that the whole
  /// group can run here. Results that others read later are written besides. A call that stays alone becomes a program too: these reuse
  /// memory.
  public static let pointwiseFusion = GraphPass("pointwise fusion") { graph in
    PointwiseFusion(graph).run(&graph)
  }
}

private struct PointwiseFusion {
  /// Calls that will be one program, by position in the graph, ascending.
  private struct Group {
    var members: [Int]
    var shape: Shape
    var device: Device
  }

  /// More inputs and outputs than this make a kernel slower than two.
  private static let operandLimit = 16, stepLimit = 96

  private let uses: [Graph.Value: [Int]]
  private let results: Set<Graph.Value>
  private var groupOf: [Int: Int] = [:]
  private var groups: [Group?] = []
  private let producer: [Graph.Value: Int]
  private var programs: [Int: PointwiseProgram] = [:]

  init(_ graph: Graph) {
    uses = graph.uses
    results = graph.results
    producer = graph.producers
    for (position, node) in graph.nodes.enumerated() {
      guard let call = node.call as? PointwiseCall, call.function.resultCount == 1,
        let program = try? call.program(for: node.inputs.map { graph.forms[$0!] })
      else { continue }
      programs[position] = program
      let form = graph.forms[node.outputs[0]]
      var merged = [position], joined = Set<Int>()
      for case let input? in node.inputs {
        guard let source = producer[input], let number = groupOf[source], !joined.contains(number), let group = groups[number],
          group.shape == form.shape, group.device == form.device
        else { continue }
        let members = Set(group.members)
        let isOpen = group.members.allSatisfy { member in
          graph.nodes[member].outputs.allSatisfy { value in (uses[value] ?? []).allSatisfy { members.contains($0) || $0 >= position } }
        }
        guard isOpen, fits(graph, merged + group.members) else { continue }
        merged += group.members
        joined.insert(number)
      }
      for number in joined { groups[number] = nil }
      groups.append(Group(members: merged.sorted(), shape: form.shape, device: form.device))
      for member in merged { groupOf[member] = groups.count - 1 }
    }
  }

  private func fits(_ graph: Graph, _ members: [Int]) -> Bool {
    let inside = Set(members.flatMap { graph.nodes[$0].outputs })
    let outside = Set(members.flatMap { graph.nodes[$0].inputs.compactMap { $0 } }).subtracting(inside)
    let steps = members.reduce(0) { $0 + programs[$1]!.steps.count }
    return outside.count + leaving(graph, Set(members)).count <= Self.operandLimit && steps <= Self.stepLimit
  }

  /// The results that somebody outside of the group reads.
  private func leaving(_ graph: Graph, _ members: Set<Int>) -> [Graph.Value] {
    members.sorted().flatMap { graph.nodes[$0].outputs }.filter { value in
      results.contains(value) || (uses[value] ?? []).contains { !members.contains($0) }
    }
  }

  func run(_ graph: inout Graph) {
    var nodes: [Graph.Node] = []
    for (position, node) in graph.nodes.enumerated() {
      guard let number = groupOf[position], let group = groups[number] else {
        nodes.append(node)
        continue
      }
      if position == group.members.last { nodes.append(fused(graph, group)) }
    }
    graph.nodes = nodes
  }

  private func fused(_ graph: Graph, _ group: Group) -> Graph.Node {
    var inputs: [Graph.Value] = []
    var call: [Graph.Value: Int] = [:]
    var steps: [FusedStep] = []
    for (number, member) in group.members.enumerated() {
      let node = graph.nodes[member], pointwise = node.call as! PointwiseCall
      var sources: [FusedStep.Source] = node.inputs.map { input in
        let value = input!
        if let call = call[value] { return .result(call: call, output: 0) }
        if let known = inputs.firstIndex(of: value) { return .input(known) }
        // A number that the function made is part of the program.
        if let constant = graph.constants[value], constant.rank == 0, constant.device == .cpu, let number = constant.number {
          return .number(number)
        }
        inputs.append(value)
        return .input(inputs.count - 1)
      }
      for i in 0..<pointwise.parameters.count { sources.append(.number(pointwise.parameters[i])) }
      steps.append(FusedStep(programs[member]!, sources))
      call[node.outputs[0]] = number
    }
    let outputs = leaving(graph, Set(group.members))
    let name = group.members.map { graph.nodes[$0].call.name }.joined(separator: "+")
    let (program, order) = PointwiseProgram.fused(
      name, steps, inputs: inputs.map { graph.forms[$0].dtype }, outputs: outputs.map { (call[$0]!, 0) })
    return Graph.Node(call: FusedPointwiseCall(program), inputs: order.map { inputs[$0] }, outputs: outputs)
  }
}

extension Tensor {
  /// The value of a tensor without dimensions.
  fileprivate var number: Scalar? {
    switch dtype.category {
    case .bool: .bool(item(as: Bool.self))
    case .integer: .integer(item(as: Int64.self))
    case .floatingPoint: .real(item(as: Double.self))
    default: nil
    }
  }
}
