import EmberRuntime

/// Reads Jinja templates, with `trim_blocks` and `lstrip_blocks` as chat templates expect: a statement takes the line break after it and the spaces
/// before it in its line with it.
struct TemplateParser {
  private enum Piece {
    case text(String)
    case expression([Token])
    case statement([Token])
  }

  private enum Token: Equatable {
    case name(String), text(String), int(Int), real(Double), sign(String)
  }

  private var pieces: [Piece] = []
  private var position = 0
  private var tokens: [Token] = []
  private var at = 0
  private var depth = 0

  init(_ source: String) throws(EmberError) { pieces = try Self.pieces(Array(source.unicodeScalars)) }

  private static func bad(_ message: String) -> EmberError { EmberError(.unsupported, in: "ChatTemplate", message) }
  private func bad(_ message: String) -> EmberError { Self.bad(message) }

  // MARK: - Pieces

  private static func pieces(_ source: [Unicode.Scalar]) throws(EmberError) -> [Piece] {
    var result: [Piece] = []
    var text: [Unicode.Scalar] = []
    var i = 0
    func matches(_ sign: String, at place: Int) -> Bool { source[place...].starts(with: sign.unicodeScalars) }
    while i < source.count {
      guard source[i] == "{", i + 1 < source.count, "{%#".unicodeScalars.contains(source[i + 1]) else {
        text.append(source[i])
        i += 1
        continue
      }
      let kind = source[i + 1]
      var start = i + 2
      let trimsBefore = start < source.count && source[start] == "-", keepsBefore = start < source.count && source[start] == "+"
      if trimsBefore || keepsBefore { start += 1 }
      if trimsBefore {
        while let last = text.last, last.properties.isWhitespace { text.removeLast() }
      } else if kind != "{", !keepsBefore {
        // The spaces of a line that begins with a statement.
        let spaces = text.reversed().prefix { $0 == " " || $0 == "\t" }.count
        if spaces == text.count ? result.isEmpty || endsWithBreak(source, i - spaces) : text[text.count - spaces - 1] == "\n" { text.removeLast(spaces) }
      }
      let close = kind == "{" ? "}}" : kind == "%" ? "%}" : "#}"
      var end = start
      var quote: Unicode.Scalar?
      while end < source.count {
        if kind != "#", let open = quote {
          if source[end] == "\\" { end += 1 } else if source[end] == open { quote = nil }
        } else if kind != "#", source[end] == "'" || source[end] == "\"" {
          quote = source[end]
        } else if matches(close, at: end) {
          break
        }
        end += 1
      }
      guard end < source.count else { throw bad("a {\(kind) that nothing closes") }
      let trimsAfter = end > start && source[end - 1] == "-", keepsAfter = end > start && source[end - 1] == "+" && kind == "%"
      if !text.isEmpty {
        result.append(.text(String(text)))
        text = []
      }
      if kind != "#" {
        let inner = try tokens(Array(source[start..<(trimsAfter || keepsAfter ? end - 1 : end)]))
        result.append(kind == "{" ? .expression(inner) : .statement(inner))
      }
      i = end + 2
      if trimsAfter {
        while i < source.count, source[i].properties.isWhitespace { i += 1 }
      } else if kind != "{", !keepsAfter, i < source.count, source[i] == "\n" {
        i += 1
      }
    }
    if !text.isEmpty { result.append(.text(String(text))) }
    return result
  }

  private static func endsWithBreak(_ source: [Unicode.Scalar], _ place: Int) -> Bool { place == 0 || source[place - 1] == "\n" }

  private static func tokens(_ source: [Unicode.Scalar]) throws(EmberError) -> [Token] {
    var result: [Token] = []
    var i = 0
    while i < source.count {
      let scalar = source[i]
      if result.count > 2000 { throw bad("an expression of more than 2,000 words and signs") }
      if scalar.properties.isWhitespace {
        i += 1
      } else if scalar == "_" || scalar.properties.isAlphabetic {
        let name = source[i...].prefix { $0 == "_" || $0.properties.isAlphabetic || ($0.value >= 48 && $0.value <= 57) }
        result.append(.name(String(name)))
        i += name.count
      } else if scalar.value >= 48, scalar.value <= 57 {
        var digits = Array(source[i...].prefix { $0.value >= 48 && $0.value <= 57 })
        let rest = source[(i + digits.count)...]
        if rest.first == ".", let next = rest.dropFirst().first, next.value >= 48, next.value <= 57 {
          digits += rest.prefix(1) + rest.dropFirst().prefix { $0.value >= 48 && $0.value <= 57 }
          result.append(.real(Double(String(digits)) ?? 0))
        } else {
          guard let value = Int(String(digits)) else { throw bad("the number \(String(digits)) is too large") }
          result.append(.int(value))
        }
        i += digits.count
      } else if scalar == "'" || scalar == "\"" {
        var text: [Unicode.Scalar] = []
        i += 1
        while i < source.count, source[i] != scalar {
          if source[i] == "\\", i + 1 < source.count {
            i += 1
            let escapes: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\""]
            if let plain = escapes[source[i]] { text.append(plain) } else { text += ["\\", source[i]] }
          } else {
            text.append(source[i])
          }
          i += 1
        }
        guard i < source.count else { throw bad("a text that nothing closes") }
        i += 1
        result.append(.text(String(text)))
      } else {
        let pair = String(source[i..<Swift.min(i + 2, source.count)])
        if ["==", "!=", "<=", ">=", "//", "**"].contains(pair) {
          result.append(.sign(pair))
          i += 2
        } else {
          guard "+-*/%~<>=|.,:()[]{}".unicodeScalars.contains(scalar) else { throw bad("the character \(scalar) in an expression") }
          result.append(.sign(String(Character(scalar))))
          i += 1
        }
      }
    }
    return result
  }

  // MARK: - Statements

  mutating func parse() throws(EmberError) -> [TemplateNode] {
    let (nodes, end) = try body(until: [])
    if let end { throw bad("a \(end) that belongs to nothing") }
    return nodes
  }

  /// Nodes up to a statement of one of the names, of which it has read the name.
  private mutating func body(until names: Set<String>) throws(EmberError) -> ([TemplateNode], String?) {
    depth += 1
    defer { depth -= 1 }
    if depth > 60 { throw bad("nested too deeply") }
    var nodes: [TemplateNode] = []
    while position < pieces.count {
      let piece = pieces[position]
      position += 1
      switch piece {
      case .text(let text): nodes.append(.text(text))
      case .expression(let inner):
        begin(inner)
        nodes.append(.output(try expression()))
        try finish()
      case .statement(let inner):
        begin(inner)
        guard case .name(let keyword)? = take() else { throw bad("a statement without a name") }
        if names.contains(keyword) { return (nodes, keyword) }
        switch keyword {
        case "if": nodes.append(try choice())
        case "for": nodes.append(try loop())
        case "set": nodes.append(try set())
        case "break":
          nodes.append(.leave)
          try finish()
        case "continue":
          nodes.append(.proceed)
          try finish()
        case "generation", "endgeneration": try finish()
        case "else", "elif", "endif", "endfor", "endset": return (nodes, keyword)
        default: throw bad("the statement \(keyword) is not known; known are if, for, set, break, continue, generation")
        }
      }
    }
    return (nodes, nil)
  }

  private mutating func choice() throws(EmberError) -> TemplateNode {
    var branches: [(condition: TemplateExpression?, body: [TemplateNode])] = []
    var condition: TemplateExpression? = try expression()
    try finish()
    while true {
      let (nodes, end) = try body(until: condition == nil ? ["endif"] : ["elif", "else", "endif"])
      branches.append((condition, nodes))
      switch end {
      case "elif":
        condition = try expression()
        try finish()
      case "else":
        guard condition != nil else { throw bad("two else of one if") }
        condition = nil
        try finish()
      case "endif":
        try finish()
        return .choice(branches)
      default: throw bad("an if that no endif ends")
      }
    }
  }

  private mutating func loop() throws(EmberError) -> TemplateNode {
    var names: [String] = []
    repeat {
      guard case .name(let name)? = take() else { throw bad("a for without a name") }
      names.append(name)
    } while accept(",")
    guard accept(name: "in") else { throw bad("a for without in") }
    // A condition behind it belongs to the loop.
    let over = try either()
    let condition = accept(name: "if") ? try expression() : nil
    try finish()
    var (nodes, end) = try body(until: ["endfor", "else"])
    var otherwise: [TemplateNode] = []
    if end == "else" {
      try finish()
      (otherwise, end) = try body(until: ["endfor"])
    }
    guard end == "endfor" else { throw bad("a for that no endfor ends") }
    try finish()
    return .loop(names: names, over: over, condition: condition, body: nodes, otherwise: otherwise)
  }

  private mutating func set() throws(EmberError) -> TemplateNode {
    guard case .name(let name)? = take() else { throw bad("a set without a name") }
    var member: String?
    if accept(".") {
      guard case .name(let part)? = take() else { throw bad("a set without a name") }
      member = part
    }
    if accept("=") {
      let value = try expression()
      try finish()
      return .set(name: name, member: member, value)
    }
    try finish()
    let (nodes, end) = try body(until: ["endset"])
    guard end == "endset", member == nil else { throw bad("a set that no endset ends") }
    try finish()
    return .setBlock(name: name, nodes)
  }

  // MARK: - Expressions

  private mutating func begin(_ inner: [Token]) {
    tokens = inner
    at = 0
  }

  private var next: Token? { at < tokens.count ? tokens[at] : nil }

  private mutating func take() -> Token? {
    defer { at += 1 }
    return next
  }

  private mutating func accept(_ sign: String) -> Bool {
    guard next == .sign(sign) else { return false }
    at += 1
    return true
  }

  private mutating func accept(name: String) -> Bool {
    guard next == .name(name) else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ sign: String) throws(EmberError) {
    guard accept(sign) else { throw bad("\(sign) expected") }
  }

  private func finish() throws(EmberError) {
    if at < tokens.count { throw bad("something follows an expression: \(tokens[at])") }
  }

  private mutating func expression() throws(EmberError) -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > 60 { throw bad("nested too deeply") }
    let value = try either()
    guard accept(name: "if") else { return value }
    let condition = try either()
    return .conditional(condition, value, accept(name: "else") ? try expression() : nil)
  }

  private mutating func either() throws(EmberError) -> TemplateExpression {
    var value = try both()
    while accept(name: "or") { value = .binary("or", value, try both()) }
    return value
  }

  private mutating func both() throws(EmberError) -> TemplateExpression {
    var value = try inverse()
    while accept(name: "and") { value = .binary("and", value, try inverse()) }
    return value
  }

  private mutating func inverse() throws(EmberError) -> TemplateExpression {
    var count = 0
    while accept(name: "not") { count += 1 }
    let value = try comparison()
    return count % 2 == 1 ? .negated(value) : count > 0 ? .negated(.negated(value)) : value
  }

  private mutating func comparison() throws(EmberError) -> TemplateExpression {
    var value = try sum()
    while true {
      if let sign = ["==", "!=", "<=", ">=", "<", ">"].first(where: { next == .sign($0) }) {
        at += 1
        value = .binary(sign, value, try sum())
      } else if accept(name: "in") {
        value = .binary("in", value, try sum())
      } else if next == .name("not"), at + 1 < tokens.count, tokens[at + 1] == .name("in") {
        at += 2
        value = .negated(.binary("in", value, try sum()))
      } else {
        return value
      }
    }
  }

  private mutating func sum() throws(EmberError) -> TemplateExpression { try chain(["+", "-"]) { parser throws(EmberError) in try parser.joined() } }
  private mutating func joined() throws(EmberError) -> TemplateExpression { try chain(["~"]) { parser throws(EmberError) in try parser.product() } }
  private mutating func product() throws(EmberError) -> TemplateExpression {
    try chain(["*", "//", "/", "%"]) { parser throws(EmberError) in try parser.unary() }
  }

  private mutating func chain(
    _ signs: [String], _ part: (inout TemplateParser) throws(EmberError) -> TemplateExpression
  ) throws(EmberError) -> TemplateExpression {
    var value = try part(&self)
    while let sign = signs.first(where: { next == .sign($0) }) {
      at += 1
      value = .binary(sign, value, try part(&self))
    }
    return value
  }

  private mutating func unary() throws(EmberError) -> TemplateExpression {
    var isNegative = false
    while let sign = ["-", "+"].first(where: { next == .sign($0) }) {
      at += 1
      if sign == "-" { isNegative.toggle() }
    }
    let value = try postfix()
    return isNegative ? .minus(value) : value
  }

  private mutating func postfix() throws(EmberError) -> TemplateExpression {
    var value = try primary()
    while true {
      if accept(".") {
        switch take() {
        case .name(let name): value = .member(value, name)
        case .int(let number): value = .index(value, .int(number))
        default: throw bad("a name expected after a dot")
        }
      } else if accept("[") {
        value = try subscripted(value)
      } else if accept("(") {
        let (positional, named) = try arguments()
        value = .call(value, positional, named)
      } else if accept("|") {
        guard case .name(let name)? = take() else { throw bad("a filter without a name") }
        let (positional, named) = accept("(") ? try arguments() : ([], [])
        value = .filter(value, name, positional, named)
      } else if accept(name: "is") {
        let isNegated = accept(name: "not")
        guard case .name(let name)? = take() else { throw bad("a test without a name") }
        let arguments = accept("(") ? try self.arguments().0 : []
        value = .test(value, name, arguments, isNegated: isNegated)
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression) throws(EmberError) -> TemplateExpression {
    func isEnd() -> Bool { next == .sign(":") || next == .sign("]") }
    var parts: [TemplateExpression?] = [isEnd() ? nil : try expression()]
    while accept(":") { parts.append(isEnd() ? nil : try expression()) }
    try expect("]")
    if parts.count == 1, let index = parts[0] { return .index(value, index) }
    guard parts.count <= 3, parts.count > 1 else { throw bad("a subscript that is neither an index nor a range") }
    return .slice(value, parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
  }

  private mutating func arguments() throws(EmberError) -> ([TemplateExpression], [(name: String, value: TemplateExpression)]) {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    while !accept(")") {
      if case .name(let name)? = next, at + 1 < tokens.count, tokens[at + 1] == .sign("=") {
        at += 2
        named.append((name, try expression()))
      } else {
        positional.append(try expression())
      }
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return (positional, named)
  }

  private mutating func primary() throws(EmberError) -> TemplateExpression {
    switch take() {
    case .text(let text):
      // Texts side by side are one.
      var whole = text
      while case .text(let more)? = next {
        whole += more
        at += 1
      }
      return .text(whole)
    case .int(let value): return .int(value)
    case .real(let value): return .real(value)
    case .name(let name):
      switch name {
      case "true", "True": return .bool(true)
      case "false", "False": return .bool(false)
      case "none", "None": return .none
      default: return .name(name)
      }
    case .sign("("):
      let first = try expression()
      guard accept(",") else {
        try expect(")")
        return first
      }
      return .list([first] + (try items(until: ")")))
    case .sign("["): return .list(try items(until: "]"))
    case .sign("{"):
      var members: [(key: TemplateExpression, value: TemplateExpression)] = []
      while !accept("}") {
        let key = try expression()
        try expect(":")
        members.append((key, try expression()))
        if !accept(",") {
          try expect("}")
          break
        }
      }
      return .dictionary(members)
    default: throw bad("a value expected")
    }
  }

  private mutating func items(until end: String) throws(EmberError) -> [TemplateExpression] {
    var result: [TemplateExpression] = []
    while !accept(end) {
      result.append(try expression())
      if !accept(",") {
        try expect(end)
        break
      }
    }
    return result
  }
}
