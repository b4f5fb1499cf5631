import EmberRuntime

/// Reads regular expressions: alternatives, groups (also `(?i:…)`, `(?>…)`), looking ahead and behind, classes with ranges, categories, nesting
/// and `&&`, loops that are greedy, lazy or possessive, anchors, escapes.
struct RegularExpressionParser {
  private let pattern: [Unicode.Scalar]
  private var position = 0
  private var ignoresCase = false
  private var depth = 0

  init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

  mutating func parse() throws(EmberError) -> RegularExpression.Node {
    let node = try alternatives()
    if position < pattern.count { throw bad("a ) that nothing opens") }
    return node
  }

  private func bad(_ message: String) -> EmberError {
    EmberError(.unsupported, in: "Tokenizer", "the regular expression \(String(pattern).debugDescription): \(message), at character \(position)")
  }

  private var next: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

  private mutating func accept(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard pattern[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  private mutating func alternatives() throws(EmberError) -> RegularExpression.Node {
    depth += 1
    defer { depth -= 1 }
    if depth > 50 { throw bad("nested too deeply") }
    let outer = ignoresCase
    defer { ignoresCase = outer }
    var choices: [RegularExpression.Node] = [try sequence()]
    while accept("|") { choices.append(try sequence()) }
    return choices.count == 1 ? choices[0] : .alternatives(choices)
  }

  private mutating func sequence() throws(EmberError) -> RegularExpression.Node {
    var nodes: [RegularExpression.Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      if accept("(?i)") {
        ignoresCase = true
        continue
      }
      nodes.append(try loops(around: try atom()))
    }
    return nodes.count == 1 ? nodes[0] : .sequence(nodes)
  }

  private mutating func loops(around atom: RegularExpression.Node) throws(EmberError) -> RegularExpression.Node {
    var node = atom
    var wraps = 0
    while true {
      let minimum: Int, maximum: Int
      if accept("*") {
        (minimum, maximum) = (0, .max)
      } else if accept("+") {
        (minimum, maximum) = (1, .max)
      } else if accept("?") {
        (minimum, maximum) = (0, 1)
      } else if let range = try counts() {
        (minimum, maximum) = range
      } else {
        return node
      }
      let manner: RegularExpression.Manner = accept("?") ? .lazy : accept("+") ? .possessive : .greedy
      // A loop around a loop nests as a group does.
      wraps += 1
      if depth + wraps > 50 { throw bad("nested too deeply") }
      node = .loop(node, minimum: minimum, maximum: maximum, manner)
    }
  }

  /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; anything else in braces stands for itself.
  private mutating func counts() throws(EmberError) -> (Int, Int)? {
    let start = position
    guard accept("{") else { return nil }
    func number() -> Int? {
      let digits = pattern[position...].prefix { $0.value >= 0x30 && $0.value <= 0x39 }.prefix(6)
      return Int(String(digits))
    }
    let least = number()
    if let least { position += String(least).count }
    var most = least
    if accept(",") {
      most = number()
      if let most { position += String(most).count }
      if least == nil, most == nil {
        position = start
        return nil
      }
      if accept("}") {
        guard (least ?? 0) <= (most ?? .max), (least ?? 0) <= 1000 else { throw bad("a loop that cannot be") }
        return (least ?? 0, most ?? .max)
      }
    } else if let least, accept("}"), least <= 1000 {
      return (least, least)
    }
    position = start
    return nil
  }

  private mutating func atom() throws(EmberError) -> RegularExpression.Node {
    guard let scalar = next else { throw bad("it ends early") }
    if accept("(") { return try group() }
    if scalar == "[" { return .one(try characterClass()) }
    position += 1
    switch scalar {
    case ".": return .one(ScalarSet.range(10, 10).negated)
    case "^": return .lineStart
    case "$": return .lineEnd
    case "\\":
      switch next {
      case "A":
        position += 1
        return .textStart
      case "z", "Z":
        position += 1
        return .textEnd
      case "b", "B":
        position += 1
        return .wordBoundary(isNegative: pattern[position - 1] == "B")
      default: return .one(try escape())
      }
    case "*", "+", "?": throw bad("nothing to repeat")
    default: return .one(.character(scalar, ignoresCase: ignoresCase))
    }
  }

  private mutating func group() throws(EmberError) -> RegularExpression.Node {
    let kinds: [(String, (RegularExpression.Node) -> RegularExpression.Node)] = [
      ("?:", { $0 }), ("?>", { .atomic($0) }), ("?=", { .lookAhead($0, isNegative: false) }), ("?!", { .lookAhead($0, isNegative: true) }),
      ("?<=", { .lookBehind($0, longest: $0.longest, isNegative: false) }),
      ("?<!", { .lookBehind($0, longest: $0.longest, isNegative: true) }),
    ]
    let outer = ignoresCase
    defer { ignoresCase = outer }
    var wrap: (RegularExpression.Node) -> RegularExpression.Node = { $0 }
    if accept("?i:") {
      ignoresCase = true
    } else if accept("?-i:") {
      ignoresCase = false
    } else if next == "?" {
      var kind: ((RegularExpression.Node) -> RegularExpression.Node)?
      for (sign, function) in kinds where kind == nil && accept(sign) { kind = function }
      guard let kind else { throw bad("a group of a kind that is not supported") }
      wrap = kind
    }
    let node = try alternatives()
    if !accept(")") { throw bad("a ( that nothing closes") }
    return wrap(node)
  }

  /// After a backslash.
  private mutating func escape() throws(EmberError) -> ScalarSet {
    guard let scalar = next else { throw bad("it ends after a backslash") }
    position += 1
    switch scalar {
    case "s": return .spaces
    case "S": return ScalarSet.spaces.negated
    case "d": return .digits
    case "D": return ScalarSet.digits.negated
    case "w": return .word
    case "W": return ScalarSet.word.negated
    case "p", "P":
      var name = ""
      if accept("{") {
        while let part = next, part != "}" {
          name.unicodeScalars.append(part)
          position += 1
        }
        if !accept("}") { throw bad("a { that nothing closes") }
      } else if let part = next {
        name.unicodeScalars.append(part)
        position += 1
      }
      let isNegated = name.hasPrefix("^") != (scalar == "P")
      if name.hasPrefix("^") { name.removeFirst() }
      guard let set = ScalarSet.category(name) else { throw bad("the property \(name) is not known") }
      return isNegated ? set.negated : set
    default:
      position -= 1
      return .character(try escapedCharacter(), ignoresCase: ignoresCase)
    }
  }

  private mutating func escapedCharacter() throws(EmberError) -> Unicode.Scalar {
    guard let scalar = next else { throw bad("it ends after a backslash") }
    position += 1
    switch scalar {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "f": return "\u{C}"
    case "v": return "\u{B}"
    case "0": return "\0"
    case "x", "u":
      let isBraced = accept("{")
      let digits = pattern[position...].prefix { $0.properties.isASCIIHexDigit }.prefix(isBraced ? 6 : scalar == "x" ? 2 : 4)
      position += digits.count
      guard let code = UInt32(String(digits), radix: 16), let result = Unicode.Scalar(code), !isBraced || accept("}") else {
        throw bad("a character's number expected")
      }
      return result
    default:
      if scalar.value < 0x80, scalar.properties.isAlphabetic || scalar.properties.numericType != nil { throw bad("\\\(scalar) is not supported") }
      return scalar
    }
  }

  private mutating func characterClass() throws(EmberError) -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    if depth > 50 { throw bad("nested too deeply") }
    position += 1
    let isNegated = accept("^")
    var parts: [ScalarSet] = [], all: [ScalarSet] = []
    var isFirst = true
    while true {
      guard let scalar = next else { throw bad("a [ that nothing closes") }
      if scalar == "]", !isFirst { break }
      isFirst = false
      if accept("&&") {
        all.append(.union(parts))
        parts = []
        continue
      }
      if accept("[:") {
        var name = ""
        while let part = next, part != ":" {
          name.unicodeScalars.append(part)
          position += 1
        }
        guard accept(":]"), let set = ScalarSet.category(name) else { throw bad("a class that is not known") }
        parts.append(set)
        continue
      }
      if scalar == "[" {
        parts.append(try characterClass())
        continue
      }
      if scalar == "\\", position + 1 < pattern.count, "sSdDwWpP".unicodeScalars.contains(pattern[position + 1]) {
        position += 1
        parts.append(try escape())
        continue
      }
      let first = try classCharacter()
      if next == "-", position + 1 < pattern.count, pattern[position + 1] != "]" {
        position += 1
        let last = try classCharacter()
        guard first.value <= last.value else { throw bad("a range that runs backwards") }
        parts.append(.range(first.value, last.value))
        if ignoresCase, last.value - first.value < 128 {
          for code in first.value...last.value { if let scalar = Unicode.Scalar(code) { parts.append(.character(scalar, ignoresCase: true)) } }
        }
      } else {
        parts.append(.character(first, ignoresCase: ignoresCase))
      }
    }
    position += 1
    all.append(.union(parts))
    let set = ScalarSet.intersection(all)
    return isNegated ? set.negated : set
  }

  private mutating func classCharacter() throws(EmberError) -> Unicode.Scalar {
    guard let scalar = next else { throw bad("a [ that nothing closes") }
    position += 1
    return scalar == "\\" ? try escapedCharacter() : scalar
  }
}
