import EmberRuntime
import EmberTensor

/// The graph of a function for all sizes of its dynamic dimensions: one structure, and rules for the numbers, shapes and constants that
/// depend on the sizes.
struct GraphFamily: Sendable {
  /// The graph at the first sizes, with the names of the dimensions for whoever reads it.
  let base: Graph
  private var extents: [Graph.Value: [ExtentRule]] = [:]
  private var numbers: [Int: [NumberRule]] = [:]
  private var constants: [Graph.Value: ConstantRule] = [:]

  private enum ExtentRule: Sendable {
    case fixed(Int)
    case dynamic(ExtentPolynomial)
  }

  /// - Parameters:
  ///   - graphs: one for each capture, after all passes.
  ///   - names: those of the dimensions.
  /// - Throws: what depends on the sizes in no way that is known.
  init(_ graphs: [Graph], _ sizes: CaptureSizes, names: [String]) throws(EmberError) {
    func refusal(_ text: String) -> EmberError { EmberError(.value, in: "compile", text + "; there is a graph for each size") }
    var base = graphs[0]
    for other in graphs.dropFirst() {
      switch base.firstDifference(from: other) {
      case .call(let position):
        throw refusal("what is computed depends on \(names.joined(separator: ", ")), from \(base.nodes[position].call.name) on")
      case .extent: throw refusal("how much is computed depends on \(names.joined(separator: ", "))")
      case nil: break
      }
    }
    for value in base.definedValues {
      let forms = graphs.map { $0.forms[value] }, first = forms[0]
      guard forms.allSatisfy({ $0.dtype == first.dtype && $0.device == first.device && $0.shape.rank == first.shape.rank }) else {
        throw refusal("the dtype or the number of dimensions of %\(value) depends on \(names.joined(separator: ", "))")
      }
      if forms.allSatisfy({ $0.shape == first.shape }) { continue }
      var rules: [ExtentRule] = []
      for d in first.shape.indices {
        let extent = Extent(forms.map { $0.shape[d] })
        if let fixed = extent.fixed {
          rules.append(.fixed(fixed))
        } else if let polynomial = sizes.polynomial(extent.samples) {
          rules.append(.dynamic(polynomial))
        } else {
          throw refusal("an extent of %\(value) is \(extent.samples) and follows from the sizes in no known way")
        }
      }
      extents[value] = rules
    }
    for position in base.nodes.indices {
      let calls = graphs.map { $0.nodes[position].call }, samples = calls.map(\.numbers)
      guard samples.allSatisfy({ $0.count == samples[0].count }) else {
        throw refusal("how many numbers \(calls[0].name) holds depends on \(names.joined(separator: ", "))")
      }
      let varies = samples.contains { !zip($0, samples[0]).allSatisfy { $0.isIdentical(to: $1) } }
      for i in calls.indices.dropFirst() {
        let expected = varies ? calls[0].settingNumbers(samples[i]) : calls[0]
        guard expected.isIdentical(to: calls[i]) else { throw refusal("\(calls[0].name) holds what cannot be told for other sizes") }
      }
      if !varies { continue }
      var rules: [NumberRule] = []
      for n in samples[0].indices {
        let own = samples.map { $0[n] }
        guard let rule = NumberRule(own, sizes) else {
          throw refusal("a number of \(calls[0].name) is \(own) and follows from the sizes in no known way")
        }
        rules.append(rule)
      }
      numbers[position] = rules
    }
    for (value, constant) in base.constants {
      let all = graphs.map { $0.constants[value]! }
      if all.allSatisfy({ $0.hasBytes(of: constant) }) { continue }
      guard let rule = try? ConstantRule(all, sizes) else {
        throw refusal(
          "the constant %\(value) (\(all.map(\.summary).joined(separator: ", "))) follows from the sizes in no known way; make it an input, or a "
            + "buffer that is sliced")
      }
      constants[value] = rule
    }
    base.symbols = Self.symbols(graphs, extents, sizes, names)
    self.base = base
  }

  /// The graph at these sizes. Nil where it may be another one: a shape would have an extent of 0 or 1, which count as others do not, or
  /// a number does not fit.
  func graph(at sizes: [Int]) -> Graph? {
    var graph = base
    graph.symbols = nil
    for (value, rules) in extents {
      var shape = Shape()
      for rule in rules {
        switch rule {
        case .fixed(let extent): shape.append(extent)
        case .dynamic(let polynomial):
          guard let extent = polynomial(sizes), extent > 1 else { return nil }
          shape.append(extent)
        }
      }
      let form = graph.forms[value]
      graph.forms[value] = Graph.Form(shape: shape, dtype: form.dtype, device: form.device)
    }
    for (position, rules) in numbers {
      let values = rules.compactMap { $0(sizes) }
      guard values.count == rules.count else { return nil }
      graph.nodes[position].call = graph.nodes[position].call.settingNumbers(values)
    }
    for (value, rule) in constants {
      guard let constant = rule(sizes) else { return nil }
      graph.constants[value] = constant
    }
    return graph
  }

  // MARK: Words

  private static func symbols(
    _ graphs: [Graph], _ extents: [Graph.Value: [ExtentRule]], _ sizes: CaptureSizes, _ names: [String]
  ) -> Graph.Symbols {
    let shapes = extents.mapValues { rules in
      "["
        + rules.map {
          switch $0 {
          case .fixed(let extent): "\(extent)"
          case .dynamic(let polynomial): polynomial.description(names)
          }
        }.joined(separator: ", ") + "]"
    }
    func text(_ values: [Any]) -> String {
      if let numbers = values as? [Int] {
        let extent = Extent(numbers)
        if extent.fixed == nil { return sizes.polynomial(numbers)?.description(names) ?? "…" }
      }
      let lists = values.compactMap { $0 as? [Int] ?? ($0 as? Shape).map(Array.init) }
      guard lists.count == values.count, lists.allSatisfy({ $0.count == lists[0].count }) else { return "\(values[0])" }
      return "[" + lists[0].indices.map { i in text(lists.map { $0[i] }) }.joined(separator: ", ") + "]"
    }
    var attributes: [Int: String] = [:]
    for position in graphs[0].nodes.indices {
      let fields = graphs.map { Graph.attributes(of: $0.nodes[position].call) }
      let parts = fields[0].enumerated().map { i, field in "\(field.label): \(text(fields.map { $0[i].value }))" }
      attributes[position] = parts.isEmpty ? "" : "[\(parts.joined(separator: ", "))]"
    }
    return Graph.Symbols(shapes: shapes, attributes: attributes)
  }
}
