/// An expression of serialised TorchScript: a small part of Python's.
indirect enum Expression {
  case none
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case imaginary(Double)
  case string(String)
  case name(String)
  case attribute(Expression, String)
  case call(Expression, [CallArgument])
  case index(Expression, Expression)
  case slice(Expression, start: Expression?, end: Expression?, step: Expression?)
  case list([Expression])
  case tuple([Expression])
  case dictionary([(key: Expression, value: Expression)])
  case comprehension(Expression, variable: AssignmentTarget, over: Expression)
  case conditional(Expression, ifTrue: Expression, ifFalse: Expression)
  case not(Expression)
  case and(Expression, Expression)
  case or(Expression, Expression)
  case negated(Expression)
  case binary(BinaryOperator, Expression, Expression)
}

extension Expression {
  /// An expression that is a type, as the code has it.
  var typeText: String {
    switch self {
    case .none: "None"
    case .name(let name): name
    case .attribute(let object, let name): "\(object.typeText).\(name)"
    case .index(let container, let parameter): "\(container.typeText)[\(parameter.typeText)]"
    case .tuple(let items): items.map(\.typeText).joined(separator: ", ")
    default: "?"
    }
  }
}

struct CallArgument {
  /// nil for a positional argument.
  let name: String?
  let value: Expression
}

/// An operator between two values, with the name of ATen's function that it stands for.
enum BinaryOperator: String {
  case add, sub, mul, div, floordiv, remainder, pow, matmul
  case lt, gt, le, ge, eq, ne
  case isSame = "__is__"
  case isNotSame = "__isnot__"
  /// `x in list`, whose operands change places.
  case isIn = "__contains__"
  case bitAnd = "__and__"
  case bitOr = "__or__"
  case bitXor = "__xor__"
  case shiftLeft = "__lshift__"
  case shiftRight = "__rshift__"
}

indirect enum AssignmentTarget {
  case name(String)
  case attribute(Expression, String)
  case index(Expression, Expression)
  case tuple([AssignmentTarget])
}

/// A statement with the line that it begins in.
struct Statement {
  enum Kind {
    case expression(Expression)
    case assign(AssignmentTarget, Expression)
    case branch(Expression, [Statement], otherwise: [Statement])
    case whileLoop(Expression, [Statement])
    case forLoop(AssignmentTarget, over: Expression, [Statement])
    case with(Expression, as: String?, [Statement])
    /// A function within a function, as a fork has it.
    case define(FunctionSyntax)
    case giveBack(Expression)
    case assert(Expression, message: Expression?)
    case raise(Expression)
    case leaveLoop
    case nextRound
    case nothing
  }

  let line: Int
  let kind: Kind
}

struct FunctionSyntax {
  struct Parameter {
    let name: String
    let type: Expression?
    let defaultValue: Expression?
  }

  let name: String
  let line: Int
  let parameters: [Parameter]
  let body: [Statement]
  /// Expressions and blocks within each other, at most: what calling it can take of the stack.
  let depth: Int
}

/// A class of the archive's code, or a named tuple, an enumeration or an interface.
struct ClassSyntax {
  enum Kind { case plain, module, namedTuple, enumeration, interface }

  struct Attribute {
    let name: String
    let type: Expression
    /// The value of a constant.
    let value: Expression?
  }

  let name: String
  let line: Int
  let kind: Kind
  var parameters: [String] = []
  var buffers: [String] = []
  var attributes: [Attribute] = []
  var methods: [FunctionSyntax] = []
}

/// What one file of code declares.
struct FileSyntax {
  var classes: [ClassSyntax] = []
  var functions: [FunctionSyntax] = []
}
