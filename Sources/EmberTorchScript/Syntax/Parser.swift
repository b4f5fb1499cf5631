import EmberRuntime

/// Parses files of serialised TorchScript: the classes and functions of a module of the archive.
struct Parser {
  private let tokens: [(token: Token, line: Int)]
  private var position = 0
  /// Expressions and blocks around the present place, and the most that the present function had.
  private var depth = 0
  private var deepest = 0

  /// Expressions and blocks within each other, at most: parsing and running recurse.
  static let depthLimit = 200

  static func parse(_ bytes: UnsafeRawBufferPointer) throws(SyntaxError) -> FileSyntax {
    var parser = Parser(tokens: try Lexer.tokens(of: bytes))
    return try parser.file()
  }

  private init(tokens: [(token: Token, line: Int)]) { self.tokens = tokens }

  // MARK: Tokens

  private var token: Token { tokens[position].token }
  private var line: Int { tokens[position].line }
  private var following: Token { position + 1 < tokens.count ? tokens[position + 1].token : .end }

  private func error(_ expected: String) -> SyntaxError { SyntaxError(line: line, message: "expected \(expected), not \(token.text)") }

  private mutating func advance() { if position + 1 < tokens.count { position += 1 } }

  private mutating func accept(_ wanted: Token) -> Bool {
    guard token == wanted else { return false }
    advance()
    return true
  }

  private mutating func accept(symbol: String) -> Bool { accept(.symbol(symbol)) }
  private mutating func accept(word: String) -> Bool { accept(.name(word)) }

  private mutating func expect(symbol: String) throws(SyntaxError) { if !accept(symbol: symbol) { throw error("\"\(symbol)\"") } }

  private mutating func identifier() throws(SyntaxError) -> String {
    guard case .name(let name) = token else { throw error("a name") }
    advance()
    return name
  }

  private mutating func nested<Result>(_ body: (inout Parser) throws(SyntaxError) -> Result) throws(SyntaxError) -> Result {
    depth += 1
    defer { depth -= 1 }
    deepest = max(deepest, depth)
    guard depth <= Self.depthLimit else {
      throw SyntaxError(line: line, message: "expressions and blocks are nested more than \(Self.depthLimit) deep")
    }
    return try body(&self)
  }

  // MARK: Declarations

  private mutating func file() throws(SyntaxError) -> FileSyntax {
    var file = FileSyntax()
    while token != .end {
      if accept(.newLine) { continue }
      if token == .name("class") {
        file.classes.append(try classDeclaration())
      } else if token == .name("def") {
        file.functions.append(try outermostFunction())
      } else if accept(word: "import") || accept(word: "from") {
        while token != .newLine, token != .end { advance() }
      } else if case .name = token, following == .symbol("=") {
        // Old archives begin with `op_version_set = 1`.
        _ = try statement()
      } else {
        throw error("a class or a function")
      }
    }
    return file
  }

  private mutating func classDeclaration() throws(SyntaxError) -> ClassSyntax {
    let line = line
    advance()
    let name = try identifier()
    var kind = ClassSyntax.Kind.plain
    if accept(symbol: "(") {
      while !accept(symbol: ")") {
        switch token {
        case .name("Module"): kind = .module
        case .name("NamedTuple"): kind = .namedTuple
        case .name("Enum"): kind = .enumeration
        case .name("Interface"), .name("ModuleInterface"): kind = .interface
        case .name, .symbol("."), .symbol(","): break
        default: throw error("the name of a base class")
        }
        advance()
      }
    }
    var result = ClassSyntax(name: name, line: line, kind: kind)
    try expect(symbol: ":")
    guard accept(.newLine), accept(.indent) else { throw error("an indented line") }
    while !accept(.dedent) {
      if token == .name("def") {
        result.methods.append(try outermostFunction())
      } else {
        try member(of: &result)
      }
    }
    return result
  }

  private mutating func member(of result: inout ClassSyntax) throws(SyntaxError) {
    if accept(word: "pass") {
    } else if case .string = token {
      advance()
    } else {
      let name = try identifier()
      if name == "__annotations__", accept(symbol: "[") {
        guard case .string(let attribute) = token else { throw error("an attribute's name") }
        advance()
        try expect(symbol: "]")
        try expect(symbol: "=")
        result.attributes.append(ClassSyntax.Attribute(name: attribute, type: try expression(), value: nil))
      } else if accept(symbol: ":") {
        let type = try expression()
        let value: Expression? = accept(symbol: "=") ? try expression() : nil
        result.attributes.append(ClassSyntax.Attribute(name: name, type: type, value: value))
      } else {
        try expect(symbol: "=")
        let value = try expression()
        func strings() -> [String] {
          guard case .list(let items) = value else { return [] }
          return items.compactMap { if case .string(let text) = $0 { text } else { nil } }
        }
        switch name {
        case "__parameters__": result.parameters = strings()
        case "__buffers__": result.buffers = strings()
        default: result.attributes.append(ClassSyntax.Attribute(name: name, type: .name("Any"), value: value))
        }
      }
    }
    guard accept(.newLine) else { throw error("the end of the line") }
  }

  private mutating func outermostFunction() throws(SyntaxError) -> FunctionSyntax {
    depth = 0
    deepest = 0
    return try function()
  }

  private mutating func function() throws(SyntaxError) -> FunctionSyntax {
    let line = line
    advance()
    let name = try identifier()
    var parameters: [FunctionSyntax.Parameter] = []
    try expect(symbol: "(")
    while !accept(symbol: ")") {
      // What follows a star is given by name.
      if !accept(symbol: "*") {
        let parameter = try identifier()
        let type = accept(symbol: ":") ? try expression() : nil
        parameters.append(
          FunctionSyntax.Parameter(name: parameter, type: type, defaultValue: accept(symbol: "=") ? try expression() : nil))
      }
      if !accept(symbol: ",") {
        try expect(symbol: ")")
        break
      }
    }
    if accept(symbol: "->") { _ = try expression() }
    let body = try block()
    return FunctionSyntax(name: name, line: line, parameters: parameters, body: body, depth: deepest)
  }

  // MARK: Statements

  private mutating func block() throws(SyntaxError) -> [Statement] {
    try expect(symbol: ":")
    // A block may stand behind the colon, in one line.
    guard accept(.newLine) else { return [try nested { parser throws(SyntaxError) in try parser.statement() }] }
    guard accept(.indent) else { throw error("an indented line") }
    return try nested { parser throws(SyntaxError) in
      var statements: [Statement] = []
      while !parser.accept(.dedent) {
        guard parser.token != .end else { throw parser.error("the end of the block") }
        statements.append(try parser.statement())
      }
      return statements
    }
  }

  private mutating func statement() throws(SyntaxError) -> Statement {
    let line = line
    if case .name(let word) = token {
      switch word {
      case "if":
        advance()
        return Statement(line: line, kind: try branch())
      case "while":
        advance()
        let condition = try expression()
        return Statement(line: line, kind: .whileLoop(condition, try block()))
      case "for":
        advance()
        let variable = try target(of: try targetList())
        guard accept(word: "in") else { throw error("\"in\"") }
        let sequence = try expression()
        return Statement(line: line, kind: .forLoop(variable, over: sequence, try block()))
      case "def": return Statement(line: line, kind: .define(try function()))
      case "with":
        advance()
        let context = try expression()
        let name: String? = accept(word: "as") ? try identifier() : nil
        return Statement(line: line, kind: .with(context, as: name, try block()))
      default: break
      }
    }
    let kind = try simpleStatement()
    guard accept(.newLine) || accept(symbol: ";") || token == .end else { throw error("the end of the line") }
    return Statement(line: line, kind: kind)
  }

  private mutating func branch() throws(SyntaxError) -> Statement.Kind {
    let condition = try expression()
    let body = try block()
    if token == .name("elif") {
      let line = line
      advance()
      let rest = try nested { parser throws(SyntaxError) in try parser.branch() }
      return .branch(condition, body, otherwise: [Statement(line: line, kind: rest)])
    }
    return .branch(condition, body, otherwise: accept(word: "else") ? try block() : [])
  }

  private mutating func simpleStatement() throws(SyntaxError) -> Statement.Kind {
    if accept(word: "pass") { return .nothing }
    if accept(word: "break") { return .leaveLoop }
    if accept(word: "continue") { return .nextRound }
    if accept(word: "return") { return .giveBack(token == .newLine ? .none : try expressionList()) }
    if accept(word: "raise") { return .raise(try expression()) }
    if accept(word: "assert") {
      let condition = try expression()
      return .assert(condition, message: accept(symbol: ",") ? try expression() : nil)
    }
    let first = try expressionList()
    if accept(symbol: ":") {
      _ = try expression()
      guard accept(symbol: "=") else { return .nothing }
      return .assign(try target(of: first), try expressionList())
    }
    if accept(symbol: "=") {
      let value = try expressionList()
      guard token != .symbol("=") else { throw error("one assignment a line") }
      return .assign(try target(of: first), value)
    }
    for (symbol, name) in [("+=", BinaryOperator.add), ("-=", .sub), ("*=", .mul), ("/=", .div), ("//=", .floordiv), ("**=", .pow)] {
      if accept(symbol: symbol) { return .assign(try target(of: first), .binary(name, first, try expression())) }
    }
    return .expression(first)
  }

  private mutating func targetList() throws(SyntaxError) -> Expression {
    let first = try postfix()
    guard token == .symbol(",") else { return first }
    var items = [first]
    while accept(symbol: ",") {
      if token == .name("in") { break }
      items.append(try postfix())
    }
    return .tuple(items)
  }

  private func target(of expression: Expression) throws(SyntaxError) -> AssignmentTarget {
    switch expression {
    case .name(let name): return .name(name)
    case .attribute(let object, let name): return .attribute(object, name)
    case .index(let container, let index): return .index(container, index)
    case .tuple(let items), .list(let items):
      var targets: [AssignmentTarget] = []
      for item in items { targets.append(try target(of: item)) }
      return .tuple(targets)
    default: throw SyntaxError(line: line, message: "nothing can be assigned to the expression on the left")
    }
  }

  // MARK: Expressions

  /// An expression, or several with commas between them, which are a tuple.
  private mutating func expressionList() throws(SyntaxError) -> Expression {
    let first = try expression()
    guard token == .symbol(",") else { return first }
    var items = [first]
    while accept(symbol: ",") {
      switch token {
      case .newLine, .symbol("="), .symbol(")"), .symbol(":"), .end: return .tuple(items)
      default: items.append(try expression())
      }
    }
    return .tuple(items)
  }

  private mutating func expression() throws(SyntaxError) -> Expression {
    try nested { parser throws(SyntaxError) in
      let value = try parser.disjunction()
      guard parser.accept(word: "if") else { return value }
      let condition = try parser.disjunction()
      guard parser.accept(word: "else") else { throw parser.error("\"else\"") }
      return .conditional(condition, ifTrue: value, ifFalse: try parser.expression())
    }
  }

  /// Runs of the same operator make trees as deep as they are long.
  private mutating func run(
    _ operand: (inout Parser) throws(SyntaxError) -> Expression,
    _ join: (inout Parser, Expression) throws(SyntaxError) -> Expression?
  ) throws(SyntaxError) -> Expression {
    var value = try operand(&self)
    let start = depth
    defer { depth = start }
    while let joined = try join(&self, value) {
      value = joined
      depth += 1
      deepest = max(deepest, depth)
      guard depth <= Self.depthLimit else { throw SyntaxError(line: line, message: "an expression of more than \(Self.depthLimit) parts") }
    }
    return value
  }

  private mutating func disjunction() throws(SyntaxError) -> Expression {
    try run({ parser throws(SyntaxError) in try parser.conjunction() }) { parser, left throws(SyntaxError) in
      parser.accept(word: "or") ? .or(left, try parser.conjunction()) : nil
    }
  }

  private mutating func conjunction() throws(SyntaxError) -> Expression {
    try run({ parser throws(SyntaxError) in try parser.negation() }) { parser, left throws(SyntaxError) in
      parser.accept(word: "and") ? .and(left, try parser.negation()) : nil
    }
  }

  private mutating func negation() throws(SyntaxError) -> Expression {
    guard accept(word: "not") else { return try comparison() }
    return try nested { parser throws(SyntaxError) in .not(try parser.negation()) }
  }

  private mutating func comparison() throws(SyntaxError) -> Expression {
    try run({ parser throws(SyntaxError) in try parser.arithmetic(0) }) { parser, left throws(SyntaxError) in
      if parser.accept(word: "is") {
        let name: BinaryOperator = parser.accept(word: "not") ? .isNotSame : .isSame
        return .binary(name, left, try parser.arithmetic(0))
      }
      if parser.accept(word: "in") { return .binary(.isIn, left, try parser.arithmetic(0)) }
      if parser.token == .name("not"), parser.following == .name("in") {
        parser.advance()
        parser.advance()
        return .not(.binary(.isIn, left, try parser.arithmetic(0)))
      }
      for (symbol, name) in [("<", BinaryOperator.lt), (">", .gt), ("<=", .le), (">=", .ge), ("==", .eq), ("!=", .ne)] {
        if parser.accept(symbol: symbol) { return .binary(name, left, try parser.arithmetic(0)) }
      }
      return nil
    }
  }

  /// Operators between numbers, by how tightly they bind.
  private static let arithmetic: [[(symbol: String, name: BinaryOperator)]] = [
    [("|", .bitOr)], [("^", .bitXor)], [("&", .bitAnd)], [("<<", .shiftLeft), (">>", .shiftRight)], [("+", .add), ("-", .sub)],
    [("*", .mul), ("/", .div), ("//", .floordiv), ("%", .remainder), ("@", .matmul)],
  ]

  private mutating func arithmetic(_ level: Int) throws(SyntaxError) -> Expression {
    guard level < Self.arithmetic.count else { return try unary() }
    return try run({ parser throws(SyntaxError) in try parser.arithmetic(level + 1) }) { parser, left throws(SyntaxError) in
      for (symbol, name) in Self.arithmetic[level] where parser.accept(symbol: symbol) {
        return .binary(name, left, try parser.arithmetic(level + 1))
      }
      return nil
    }
  }

  private mutating func unary() throws(SyntaxError) -> Expression {
    if accept(symbol: "-") {
      let operand = try nested { parser throws(SyntaxError) in try parser.unary() }
      switch operand {
      case .integer(let value): return .integer(0 &- value)
      case .real(let value): return .real(-value)
      case .imaginary(let value): return .imaginary(-value)
      default: return .negated(operand)
      }
    }
    let base = try postfix()
    guard accept(symbol: "**") else { return base }
    return .binary(.pow, base, try nested { parser throws(SyntaxError) in try parser.unary() })
  }

  private mutating func postfix() throws(SyntaxError) -> Expression {
    try run({ parser throws(SyntaxError) in try parser.primary() }) { parser, left throws(SyntaxError) in
      if parser.accept(symbol: ".") { return .attribute(left, try parser.identifier()) }
      if parser.accept(symbol: "(") { return .call(left, try parser.callArguments()) }
      if parser.accept(symbol: "[") { return try parser.subscripted(left) }
      return nil
    }
  }

  private mutating func callArguments() throws(SyntaxError) -> [CallArgument] {
    var arguments: [CallArgument] = []
    while !accept(symbol: ")") {
      if case .name(let name) = token, following == .symbol("=") {
        advance()
        advance()
        arguments.append(CallArgument(name: name, value: try expression()))
      } else {
        arguments.append(CallArgument(name: nil, value: try expression()))
      }
      if !accept(symbol: ",") {
        try expect(symbol: ")")
        break
      }
    }
    return arguments
  }

  private mutating func subscripted(_ container: Expression) throws(SyntaxError) -> Expression {
    func part(_ parser: inout Parser) throws(SyntaxError) -> Expression? {
      switch parser.token {
      case .symbol(":"), .symbol("]"): return nil
      default: return try parser.expression()
      }
    }
    let start = try part(&self)
    if accept(symbol: ":") {
      let end = try part(&self)
      let step = accept(symbol: ":") ? try part(&self) : nil
      try expect(symbol: "]")
      return .slice(container, start: start, end: end, step: step)
    }
    guard let start else { throw error("an index") }
    guard token == .symbol(",") else {
      try expect(symbol: "]")
      return .index(container, start)
    }
    // Types: Dict[str, int].
    var items = [start]
    while accept(symbol: ",") { if token != .symbol("]") { items.append(try expression()) } }
    try expect(symbol: "]")
    return .index(container, .tuple(items))
  }

  private mutating func primary() throws(SyntaxError) -> Expression {
    let found = token
    switch found {
    case .integer(let value):
      advance()
      return .integer(value)
    case .real(let value):
      advance()
      return .real(value)
    case .imaginary(let value):
      advance()
      return .imaginary(value)
    case .string(var text):
      advance()
      // Strings behind each other are one.
      while case .string(let more) = token {
        text += more
        advance()
      }
      return .string(text)
    case .name(let name):
      advance()
      switch name {
      case "None": return .none
      case "True": return .bool(true)
      case "False": return .bool(false)
      default: return .name(name)
      }
    case .symbol("("):
      advance()
      if accept(symbol: ")") { return .tuple([]) }
      let value = try expressionList()
      try expect(symbol: ")")
      return value
    case .symbol("["):
      advance()
      if accept(symbol: "]") { return .list([]) }
      let first = try expression()
      if accept(word: "for") {
        let variable = try target(of: try targetList())
        guard accept(word: "in") else { throw error("\"in\"") }
        let sequence = try expression()
        try expect(symbol: "]")
        return .comprehension(first, variable: variable, over: sequence)
      }
      var items = [first]
      while accept(symbol: ",") { if token != .symbol("]") { items.append(try expression()) } }
      try expect(symbol: "]")
      return .list(items)
    case .symbol("{"):
      advance()
      var entries: [(key: Expression, value: Expression)] = []
      while !accept(symbol: "}") {
        let key = try expression()
        try expect(symbol: ":")
        entries.append((key, try expression()))
        if !accept(symbol: ",") {
          try expect(symbol: "}")
          break
        }
      }
      return .dictionary(entries)
    default: throw error("an expression")
    }
  }
}
