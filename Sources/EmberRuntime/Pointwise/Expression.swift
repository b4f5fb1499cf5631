/// A scalar expression under construction: what the closure of a `Pointwise` computes with.
///
/// Expressions are hash-consed: the same subexpression is one node, so that building and deriving cost what the
/// expression has in distinct steps.
public struct Expression {
  enum Value {
    case node(Int, ExpressionGraph)
    case literal(Scalar)
  }

  let value: Value

  init(_ node: Int, in graph: ExpressionGraph) { value = .node(node, graph) }
  init(_ scalar: Scalar) { value = .literal(scalar) }

  var graph: ExpressionGraph? { if case .node(_, let graph) = value { graph } else { nil } }

  func node(in graph: ExpressionGraph) -> Int {
    switch value {
    case .node(let node, let own):
      precondition(own === graph, "an expression belongs to the Pointwise whose closure made it")
      return node
    case .literal(let scalar): return graph.intern(.constant(scalar))
    }
  }

  /// The expression `opcode(operands…)`; at least one operand must not be a literal.
  static func apply(_ opcode: Opcode, _ operands: Expression...) -> Expression {
    guard let graph = operands.lazy.compactMap(\.graph).first else {
      preconditionFailure("a pointwise function of literals only is a constant; write it as a literal")
    }
    return Expression(graph.intern(.apply(opcode, operands.map { $0.node(in: graph) })), in: graph)
  }
}

extension Expression: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  public init(floatLiteral value: Double) { self.init(.real(value)) }
  public init(integerLiteral value: Int64) { self.init(.integer(value)) }

  // Numbers that have no literal.
  public static var nan: Expression { Expression(.real(.nan)) }
  public static var infinity: Expression { Expression(.real(.infinity)) }
  public static var negativeInfinity: Expression { Expression(.real(-.infinity)) }
}

/// The nodes of an expression and of what was derived from it. Used by one thread while it is built.
final class ExpressionGraph {
  enum Node: Hashable {
    case input(Int)
    /// A number given at the call: `alpha` of add, `negativeSlope` of leakyReLU.
    case parameter(Int)
    case constant(Scalar)
    case apply(Opcode, [Int])
  }

  private(set) var nodes: [Node] = []
  private var numbers: [Node: Int] = [:]

  init() {}

  init(copying nodes: [Node]) {
    self.nodes = nodes
    for (number, node) in nodes.enumerated() { numbers[node] = number }
  }

  func intern(_ node: Node) -> Int {
    if let number = numbers[node] { return number }
    nodes.append(node)
    numbers[node] = nodes.count - 1
    return nodes.count - 1
  }

  func expression(_ node: Node) -> Expression { Expression(intern(node), in: self) }
}

// MARK: - The language of pointwise functions

extension Expression {
  public static func + (a: Expression, b: Expression) -> Expression { apply(.add, a, b) }
  public static func - (a: Expression, b: Expression) -> Expression { apply(.subtract, a, b) }
  public static func * (a: Expression, b: Expression) -> Expression { apply(.multiply, a, b) }
  /// True division.
  public static func / (a: Expression, b: Expression) -> Expression { apply(.divide, a, b) }
  public static prefix func - (a: Expression) -> Expression { apply(.negate, a) }
  public static func .== (a: Expression, b: Expression) -> Expression { apply(.equal, a, b) }
  public static func .!= (a: Expression, b: Expression) -> Expression { apply(.notEqual, a, b) }
  public static func .< (a: Expression, b: Expression) -> Expression { apply(.less, a, b) }
  public static func .<= (a: Expression, b: Expression) -> Expression { apply(.lessEqual, a, b) }
  public static func .> (a: Expression, b: Expression) -> Expression { apply(.greater, a, b) }
  public static func .>= (a: Expression, b: Expression) -> Expression { apply(.greaterEqual, a, b) }
  public static func .& (a: Expression, b: Expression) -> Expression { apply(.logicalAnd, a, b) }
  public static func .| (a: Expression, b: Expression) -> Expression { apply(.logicalOr, a, b) }

  /// Any function of one operand by its opcode.
  public static func unary(_ opcode: Opcode, _ x: Expression) -> Expression { apply(opcode, x) }
  /// Any function of two operands by its opcode.
  public static func binary(_ opcode: Opcode, _ a: Expression, _ b: Expression) -> Expression { apply(opcode, a, b) }
}

public func exp(_ x: Expression) -> Expression { .apply(.exp, x) }
public func expm1(_ x: Expression) -> Expression { .apply(.expm1, x) }
public func log(_ x: Expression) -> Expression { .apply(.log, x) }
public func log1p(_ x: Expression) -> Expression { .apply(.log1p, x) }
public func sqrt(_ x: Expression) -> Expression { .apply(.sqrt, x) }
public func sin(_ x: Expression) -> Expression { .apply(.sin, x) }
public func cos(_ x: Expression) -> Expression { .apply(.cos, x) }
public func tanh(_ x: Expression) -> Expression { .apply(.tanh, x) }
public func erf(_ x: Expression) -> Expression { .apply(.erf, x) }
public func sigmoid(_ x: Expression) -> Expression { .apply(.sigmoid, x) }
public func abs(_ x: Expression) -> Expression { .apply(.absolute, x) }
public func sign(_ x: Expression) -> Expression { .apply(.sign, x) }
public func pow(_ x: Expression, _ y: Expression) -> Expression { .apply(.power, x, y) }
/// The larger operand; NaN if either is.
public func maximum(_ a: Expression, _ b: Expression) -> Expression { .apply(.maximum, a, b) }
/// The smaller operand; NaN if either is.
public func minimum(_ a: Expression, _ b: Expression) -> Expression { .apply(.minimum, a, b) }
/// `a` where `condition` holds, else `b`. Both are computed; a NaN in the other one does not spread, nor does its gradient.
public func select(_ condition: Expression, _ a: Expression, _ b: Expression) -> Expression { .apply(.select, condition, a, b) }

infix operator .&: LogicalConjunctionPrecedence
infix operator .|: LogicalDisjunctionPrecedence
