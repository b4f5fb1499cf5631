import EmberRuntime
import EmberTensor

/// Ensembles of decision trees.
extension OperatorTable {
  mutating func addTrees() {
    let domain = "ai.onnx.ml"
    add("TreeEnsemble", since: 5, domain: domain) { call in
      let x = try call.tensor(0)
      let sums = try TreeEnsemble(call).evaluate(call, x, targets: try call.int("n_targets", 1), aggregation: try call.int("aggregate_function", 1))
      let names = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"], transform = try call.int("post_transform", 0)
      guard names.indices.contains(transform) else { throw call.failure("post_transform is \(transform)") }
      return transformed(sums, names[transform]).to(x.dtype)
    }
    add("TreeEnsembleRegressor", domain: domain) { call in
      let x = try call.tensor(0), targets = try call.int("n_targets", 1)
      let names = ["AVERAGE", "SUM", "MIN", "MAX"]
      let function = try call.string("aggregate_function") ?? "SUM"
      guard let aggregation = names.firstIndex(of: function) else { throw call.failure("aggregate_function is '\(function)'") }
      var sums = try TreeEnsemble(call, prefix: "target").evaluate(call, x, targets: targets, aggregation: aggregation)
      if let base = try call.baseValues() { sums = sums + base }
      return transformed(sums, try call.string("post_transform") ?? "NONE").to(.float32)
    }
    add("TreeEnsembleClassifier", domain: domain) { call in
      let x = try call.tensor(0)
      let labels = try ClassLabels(call, "classlabels_int64s", "classlabels_strings")
      let ensemble = try TreeEnsemble(call, prefix: "class")
      // Weights of one class alone are those of the second of two.
      let isBinary = labels.count == 2 && Set(ensemble.targets).count == 1
      var scores = try ensemble.evaluate(call, x, targets: labels.count, aggregation: 1)
      let base = try call.baseValues()
      if isBinary {
        scores = scores.narrow(1, start: ensemble.targets.first ?? 0, length: 1)
        if let base { scores = scores + base.narrow(0, start: base.elementCount - 1, length: 1) }
        let transform = try call.string("post_transform") ?? "NONE"
        let areProbabilities = transform == "NONE" && ensemble.weights.allSatisfy { $0 >= 0 }
        let both = areProbabilities ? cat([1 - scores, scores], dim: 1) : try binaryScores(call, scores, 2)
        return [try labels.chosen(scores, threshold: areProbabilities ? 0.5 : 0), .tensor(both.to(.float32))] as [ONNXValue]
      }
      if let base { scores = scores + base }
      return [try labels.chosen(scores), .tensor(transformed(scores, try call.string("post_transform") ?? "NONE").to(.float32))] as [ONNXValue]
    }
  }
}

extension OperatorCall {
  fileprivate func baseValues() throws -> Tensor? {
    if let value = try value("base_values_as_tensor"), let tensor = value.tensor { return tensor.to(.float64) }
    return try doubles("base_values").flatMap { $0.isEmpty ? nil : Tensor($0, dtype: .float64) }
  }
}

/// Trees as tables: nodes that compare a feature with a number, and leaves with weights for targets.
private struct TreeEnsemble {
  enum Comparison: Int { case lessEqual, less, greaterEqual, greater, equal, notEqual, member }

  /// Where a branch leads.
  enum Branch {
    case node(Int)
    /// Leaves in a range of the lists of targets and weights.
    case leaf(Range<Int>)
  }

  struct Node {
    var feature = 0
    var comparison = Comparison.lessEqual
    var split = 0.0
    var members: Set<Double> = []
    var missingIsTrue = false
    var onTrue = Branch.leaf(0..<0)
    var onFalse = Branch.leaf(0..<0)
  }

  var nodes: [Node] = []
  var roots: [Branch] = []
  var targets: [Int] = []
  var weights: [Double] = []

  /// The form of version 5: nodes and leaves in lists of their own.
  init(_ call: OperatorCall) throws {
    func list(_ name: String) throws -> [Int] { try call.required(try call.ints(name), name) }
    func numbers(_ name: String) throws -> [Double] {
      guard let tensor = try call.required(try call.value(name), name).tensor else { throw call.failure("'\(name)' must be a tensor", .dtype) }
      return try tensor.elementsOrThrow(as: Double.self)
    }
    let features = try list("nodes_featureids"), splits = try numbers("nodes_splits"), modes = try numbers("nodes_modes").map { Int($0) }
    let trueNodes = try list("nodes_truenodeids"), falseNodes = try list("nodes_falsenodeids")
    let trueLeaves = try list("nodes_trueleafs"), falseLeaves = try list("nodes_falseleafs")
    let missing = try call.ints("nodes_missing_value_tracks_true") ?? Array(repeating: 0, count: features.count)
    targets = try list("leaf_targetids")
    weights = try numbers("leaf_weights")
    let count = features.count
    guard [splits.count, modes.count, trueNodes.count, falseNodes.count, trueLeaves.count, falseLeaves.count, missing.count]
      .allSatisfy({ $0 == count }), targets.count == weights.count
    else { throw call.failure("lists of nodes or leaves of different lengths") }
    var sets: [Set<Double>] = []
    if call.attributes["membership_values"] != nil {
      sets = try numbers("membership_values").split(whereSeparator: \.isNaN).map { Set($0) }
    }
    func branch(_ index: Int, isLeaf: Bool) throws -> Branch {
      guard index >= 0, index < (isLeaf ? targets.count : count) else { throw call.failure("a branch to \(index)", .index) }
      return isLeaf ? .leaf(index..<index + 1) : .node(index)
    }
    var nextSet = 0
    for i in 0..<count {
      guard let comparison = Comparison(rawValue: modes[i]) else { throw call.failure("a node of the unknown kind \(modes[i])") }
      var node = Node(feature: features[i], comparison: comparison, split: splits[i], missingIsTrue: missing[i] != 0)
      node.onTrue = try branch(trueNodes[i], isLeaf: trueLeaves[i] != 0)
      node.onFalse = try branch(falseNodes[i], isLeaf: falseLeaves[i] != 0)
      if comparison == .member {
        guard nextSet < sets.count else { throw call.failure("more nodes with sets than membership_values has") }
        node.members = sets[nextSet]
        nextSet += 1
      }
      nodes.append(node)
    }
    roots = try list("tree_roots").map { root in try branch(root, isLeaf: false) }
  }

  /// The form of versions 1 to 3: nodes by tree and number, leaves among them, weights apart under `prefix`.
  init(_ call: OperatorCall, prefix: String) throws {
    func list(_ name: String) throws -> [Int] { try call.required(try call.ints(name), name) }
    func numbers(_ name: String) throws -> [Double]? {
      let given: ONNXValue? = try call.value(name + "_as_tensor")
      if let tensor = given?.tensor { return try tensor.elementsOrThrow(as: Double.self) }
      return try call.doubles(name)
    }
    let trees = try list("nodes_treeids"), ids = try list("nodes_nodeids"), features = try list("nodes_featureids")
    let modes = try call.required(try call.strings("nodes_modes"), "nodes_modes")
    let splits = try call.required(try numbers("nodes_values"), "nodes_values")
    let trueNodes = try list("nodes_truenodeids"), falseNodes = try list("nodes_falsenodeids")
    let missing = try call.ints("nodes_missing_value_tracks_true") ?? []
    let count = ids.count
    guard [trees.count, features.count, modes.count, splits.count, trueNodes.count, falseNodes.count].allSatisfy({ $0 == count }),
      missing.isEmpty || missing.count == count
    else { throw call.failure("lists of nodes of different lengths") }
    struct Key: Hashable { let tree: Int, node: Int }
    let leafTrees = try list(prefix + "_treeids"), leafNodes = try list(prefix + "_nodeids"), leafTargets = try list(prefix + "_ids")
    let leafWeights = try call.required(try numbers(prefix + "_weights"), prefix + "_weights")
    guard [leafTrees.count, leafNodes.count, leafTargets.count].allSatisfy({ $0 == leafWeights.count }) else {
      throw call.failure("lists of weights of different lengths")
    }
    // Weights of one leaf beside one another.
    var leaves: [Key: [Int]] = [:]
    for i in leafWeights.indices { leaves[Key(tree: leafTrees[i], node: leafNodes[i]), default: []].append(i) }
    var ranges: [Key: Range<Int>] = [:]
    for (key, entries) in leaves.sorted(by: { ($0.key.tree, $0.key.node) < ($1.key.tree, $1.key.node) }) {
      ranges[key] = targets.count..<targets.count + entries.count
      targets += entries.map { leafTargets[$0] }
      weights += entries.map { leafWeights[$0] }
    }
    let positions = Dictionary((0..<count).map { (Key(tree: trees[$0], node: ids[$0]), $0) }, uniquingKeysWith: { first, _ in first })
    let names = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    func branch(_ i: Int) -> Branch {
      modes[i] == "LEAF" ? .leaf(ranges[Key(tree: trees[i], node: ids[i])] ?? 0..<0) : .node(i)
    }
    for i in 0..<count {
      var node = Node(feature: features[i], split: splits[i], missingIsTrue: missing.isEmpty ? false : missing[i] != 0)
      if modes[i] != "LEAF" {
        guard let comparison = names.firstIndex(of: modes[i]).flatMap(Comparison.init) else { throw call.failure("a node of the unknown kind '\(modes[i])'") }
        guard let onTrue = positions[Key(tree: trees[i], node: trueNodes[i])], let onFalse = positions[Key(tree: trees[i], node: falseNodes[i])] else {
          throw call.failure("node \(ids[i]) of tree \(trees[i]) branches to a node that is not there", .index)
        }
        node.comparison = comparison
        node.onTrue = branch(onTrue)
        node.onFalse = branch(onFalse)
      }
      nodes.append(node)
    }
    // A tree begins at the first of its nodes.
    var seen = Set<Int>()
    for i in 0..<count where seen.insert(trees[i]).inserted { roots.append(branch(i)) }
  }

  /// What the trees give for rows of features: [batch, targets].
  func evaluate(_ call: OperatorCall, _ x: Tensor, targets count: Int, aggregation: Int) throws -> Tensor {
    guard x.rank == 2, count > 0, count < 1 << 24, (0...3).contains(aggregation), targets.allSatisfy({ (0..<count).contains($0) }),
      nodes.allSatisfy({ $0.feature >= 0 })
    else { throw call.failure("\(count) targets for \(describe(x))", .shape) }
    let features = try x.elementsOrThrow(as: Double.self), width = x.shape[1]
    guard x.shape[0] * count < 1 << 26 else { throw call.failure("\(x.shape[0]) rows of \(count) targets", .memory) }
    var sums = Array(repeating: 0.0, count: x.shape[0] * count), isSet = Array(repeating: false, count: sums.count)
    for row in 0..<x.shape[0] {
      for root in roots {
        var branch = root, steps = 0
        while case .node(let index) = branch {
          let node = nodes[index]
          guard node.feature < width else { throw call.failure("feature \(node.feature) of \(describe(x))", .index) }
          steps += 1
          guard steps <= nodes.count else { throw call.failure("branches that lead in a circle") }
          branch = holds(node, features[row * width + node.feature]) ? node.onTrue : node.onFalse
        }
        guard case .leaf(let range) = branch else { continue }
        for i in range {
          let place = row * count + targets[i]
          switch aggregation {
          case 2: sums[place] = isSet[place] ? min(sums[place], weights[i]) : weights[i]
          case 3: sums[place] = isSet[place] ? max(sums[place], weights[i]) : weights[i]
          default: sums[place] += weights[i]
          }
          isSet[place] = true
        }
      }
    }
    if aggregation == 0 { sums = sums.map { $0 / Double(max(roots.count, 1)) } }
    return Tensor(sums, shape: [x.shape[0], count], dtype: .float64)
  }

  private func holds(_ node: Node, _ value: Double) -> Bool {
    if value.isNaN { return node.missingIsTrue }
    return switch node.comparison {
    case .lessEqual: value <= node.split
    case .less: value < node.split
    case .greaterEqual: value >= node.split
    case .greater: value > node.split
    case .equal: value == node.split
    case .notEqual: value != node.split
    case .member: node.members.contains(value)
    }
  }
}
