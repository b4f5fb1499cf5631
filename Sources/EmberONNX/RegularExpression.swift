import EmberRuntime

/// Regular expressions in RE2's syntax, matched in time that grows with the text and the expression alone: all alternatives are followed
/// at once (Thompson, CACM 11, 1968), so that no expression of a file can keep a program busy.
struct RegularExpression {
  /// How many instructions an expression may become.
  private static let maximumSize = 20000

  private enum Instruction {
    case character(CharacterSet)
    /// Continues at both.
    case split(Int, Int)
    case jump(Int)
    case assertion(Assertion)
    case match
  }

  private enum Assertion { case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary }

  /// Ranges of Unicode scalars, or all but them.
  private struct CharacterSet {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }

    /// With both cases of ASCII letters and of others that have exactly two.
    mutating func ignoreCase() {
      for range in ranges where range.count < 4096 {
        for value in range {
          guard let scalar = Unicode.Scalar(value) else { continue }
          for other in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
            if other.unicodeScalars.count == 1, let first = other.unicodeScalars.first { ranges.append(first.value...first.value) }
          }
        }
      }
    }
  }

  private indirect enum Node {
    case empty
    case set(CharacterSet)
    case assertion(Assertion)
    case sequence([Node])
    case alternatives([Node])
    case repeated(Node, minimum: Int, maximum: Int?)
  }

  private var program: [Instruction] = []

  init(_ pattern: String) throws {
    var parser = Parser(pattern)
    let node = try parser.whole()
    try emit(node)
    program.append(.match)
  }

  // MARK: Compiling

  private mutating func append(_ instruction: Instruction) throws {
    guard program.count < Self.maximumSize else {
      throw EmberError(.value, in: "RegexFullMatch", "the expression is too large: more than \(Self.maximumSize) steps")
    }
    program.append(instruction)
  }

  private mutating func emit(_ node: Node) throws {
    switch node {
    case .empty: break
    case .set(let set): try append(.character(set))
    case .assertion(let assertion): try append(.assertion(assertion))
    case .sequence(let nodes): for node in nodes { try emit(node) }
    case .alternatives(let nodes):
      var exits: [Int] = []
      for (i, node) in nodes.enumerated() {
        if i == nodes.count - 1 {
          try emit(node)
          continue
        }
        let split = program.count
        try append(.split(split + 1, 0))
        try emit(node)
        exits.append(program.count)
        try append(.jump(0))
        program[split] = .split(split + 1, program.count)
      }
      for exit in exits { program[exit] = .jump(program.count) }
    case .repeated(let node, let minimum, let maximum):
      for _ in 0..<minimum { try emit(node) }
      guard let maximum else {
        let split = program.count
        try append(.split(split + 1, 0))
        try emit(node)
        try append(.jump(split))
        program[split] = .split(split + 1, program.count)
        return
      }
      var splits: [Int] = []
      for _ in minimum..<max(maximum, minimum) {
        splits.append(program.count)
        try append(.split(program.count + 1, 0))
        try emit(node)
      }
      for split in splits { program[split] = .split(split + 1, program.count) }
    }
  }

  // MARK: Matching

  /// Whether the expression describes the whole text.
  func matches(_ text: String) -> Bool {
    let scalars = text.unicodeScalars.map(\.value)
    var threads: [Int] = [], marks = Array(repeating: -1, count: program.count)
    add(0, at: 0, scalars, &threads, &marks)
    for (position, scalar) in scalars.enumerated() {
      var next: [Int] = []
      for thread in threads {
        if case .character(let set) = program[thread], set.contains(scalar) { add(thread + 1, at: position + 1, scalars, &next, &marks) }
      }
      threads = next
      if threads.isEmpty { return false }
    }
    return threads.contains { if case .match = program[$0] { true } else { false } }
  }

  /// Adds a place in the program and all that are reached from it without a character.
  private func add(_ start: Int, at position: Int, _ text: [UInt32], _ threads: inout [Int], _ marks: inout [Int]) {
    var pending = [start]
    while let place = pending.popLast() {
      if marks[place] == position { continue }
      marks[place] = position
      switch program[place] {
      case .jump(let target): pending.append(target)
      case .split(let first, let second): pending += [second, first]
      case .assertion(let assertion): if holds(assertion, position, text) { pending.append(place + 1) }
      case .character, .match: threads.append(place)
      }
    }
  }

  private func holds(_ assertion: Assertion, _ position: Int, _ text: [UInt32]) -> Bool {
    func isWord(_ i: Int) -> Bool { text.indices.contains(i) && Parser.word.contains(text[i]) }
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .lineStart: return position == 0 || text[position - 1] == 10
    case .lineEnd: return position == text.count || text[position] == 10
    case .wordBoundary: return isWord(position - 1) != isWord(position)
    case .noWordBoundary: return isWord(position - 1) == isWord(position)
    }
  }

  // MARK: Parsing

  private struct Parser {
    private struct Flags {
      var ignoresCase = false
      var isMultiline = false
      var dotMatchesNewline = false
    }

    static let digits = CharacterSet(ranges: [48...57])
    static let word = CharacterSet(ranges: [48...57, 65...90, 95...95, 97...122])
    static let space = CharacterSet(ranges: [9...10, 12...13, 32...32])
    private static let named: [String: CharacterSet] = [
      "alnum": CharacterSet(ranges: [48...57, 65...90, 97...122]), "alpha": CharacterSet(ranges: [65...90, 97...122]),
      "ascii": CharacterSet(ranges: [0...127]), "blank": CharacterSet(ranges: [9...9, 32...32]),
      "cntrl": CharacterSet(ranges: [0...31, 127...127]), "digit": digits, "graph": CharacterSet(ranges: [33...126]),
      "lower": CharacterSet(ranges: [97...122]), "print": CharacterSet(ranges: [32...126]),
      "punct": CharacterSet(ranges: [33...47, 58...64, 91...96, 123...126]), "space": CharacterSet(ranges: [9...13, 32...32]),
      "upper": CharacterSet(ranges: [65...90]), "word": word, "xdigit": CharacterSet(ranges: [48...57, 65...70, 97...102]),
    ]

    private let pattern: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var flags = Flags()

    init(_ pattern: String) {
      self.pattern = pattern
      scalars = Array(pattern.unicodeScalars)
    }

    private func failure(_ message: String) -> EmberError {
      EmberError(.value, in: "RegexFullMatch", "the expression '\(pattern)': \(message)")
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
      let wanted = Array(text.unicodeScalars)
      guard scalars[position...].starts(with: wanted) else { return false }
      position += wanted.count
      return true
    }

    mutating func whole() throws -> Node {
      let node = try alternatives()
      guard next == nil else { throw failure("a closing parenthesis too many") }
      return node
    }

    private mutating func alternatives() throws -> Node {
      depth += 1
      defer { depth -= 1 }
      guard depth < 200 else { throw failure("groups lie too deep") }
      var branches = [try sequence()]
      while take("|") { branches.append(try sequence()) }
      return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws -> Node {
      var nodes: [Node] = []
      while let scalar = next, scalar != "|", scalar != ")" {
        var node = try atom()
        while let (minimum, maximum) = try quantifier() {
          guard minimum <= 1000, maximum ?? 0 <= 1000, maximum.map({ $0 >= minimum }) ?? true else {
            throw failure("a repetition of \(minimum) to \(maximum.map(String.init) ?? "any number"); at most 1000 are allowed")
          }
          _ = take("?")  // Lazy or not makes no difference to whether the whole matches.
          node = .repeated(node, minimum: minimum, maximum: maximum)
        }
        nodes.append(node)
      }
      return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func quantifier() throws -> (Int, Int?)? {
      if take("*") { return (0, nil) }
      if take("+") { return (1, nil) }
      if take("?") { return (0, 1) }
      let start = position
      guard take("{"), let minimum = number() else {
        position = start
        return nil
      }
      if take("}") { return (minimum, minimum) }
      guard take(",") else {
        position = start
        return nil
      }
      let maximum = number()
      guard take("}") else {
        position = start
        return nil
      }
      return (minimum, maximum)
    }

    private mutating func number() -> Int? {
      var value: Int?
      while let scalar = next, ("0"..."9").contains(scalar) {
        value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1 << 20)
        position += 1
      }
      return value
    }

    private func set(_ set: CharacterSet) -> Node {
      var set = set
      if flags.ignoresCase { set.ignoreCase() }
      return .set(set)
    }

    private mutating func atom() throws -> Node {
      let scalar = scalars[position]
      position += 1
      switch scalar {
      case "(": return try group()
      case "[": return try bracket()
      case ".": return .set(flags.dotMatchesNewline ? CharacterSet(isNegated: true) : CharacterSet(ranges: [10...10], isNegated: true))
      case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
      case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
      case "\\": return try escape()
      case "*", "+", "?": throw failure("'\(scalar)' has nothing to repeat")
      default: return set(CharacterSet(ranges: [scalar.value...scalar.value]))
      }
    }

    private mutating func group() throws -> Node {
      let outer = flags
      if take("?") {
        if take("P<") || take("<") {
          while let scalar = next, scalar != ">" { position += 1 }
          guard take(">") else { throw failure("a group's name does not end") }
        } else {
          var isOn = true
          while let scalar = next, scalar != ":", scalar != ")" {
            position += 1
            switch scalar {
            case "-": isOn = false
            case "i": flags.ignoresCase = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotMatchesNewline = isOn
            case "U": break
            default: throw failure("the group (?\(scalar) is not part of the syntax")
            }
          }
          // Flags without a group hold to the end of the group around.
          if take(")") { return .empty }
          guard take(":") else { throw failure("a group does not end") }
        }
      }
      let node = try alternatives()
      guard take(")") else { throw failure("a group does not end") }
      flags = outer
      return node
    }

    private mutating func escape() throws -> Node {
      guard let scalar = next else { throw failure("a backslash at the end") }
      switch scalar {
      case "A", "z", "b", "B":
        position += 1
        return .assertion(scalar == "A" ? .textStart : scalar == "z" ? .textEnd : scalar == "b" ? .wordBoundary : .noWordBoundary)
      case "Q":
        position += 1
        var nodes: [Node] = []
        while !take("\\E"), let scalar = next {
          nodes.append(set(CharacterSet(ranges: [scalar.value...scalar.value])))
          position += 1
        }
        return .sequence(nodes)
      default: return set(try escapedSet())
      }
    }

    /// What stands behind a backslash, in a bracket or outside.
    private mutating func escapedSet() throws -> CharacterSet {
      guard let scalar = next else { throw failure("a backslash at the end") }
      position += 1
      func one(_ value: UInt32) -> CharacterSet { CharacterSet(ranges: [value...value]) }
      switch scalar {
      case "d": return Self.digits
      case "D": return CharacterSet(ranges: Self.digits.ranges, isNegated: true)
      case "w": return Self.word
      case "W": return CharacterSet(ranges: Self.word.ranges, isNegated: true)
      case "s": return Self.space
      case "S": return CharacterSet(ranges: Self.space.ranges, isNegated: true)
      case "n": return one(10)
      case "t": return one(9)
      case "r": return one(13)
      case "f": return one(12)
      case "v": return one(11)
      case "a": return one(7)
      case "x":
        var digits = ""
        if take("{") {
          while let digit = next, digit != "}" {
            digits.unicodeScalars.append(digit)
            position += 1
          }
          guard take("}") else { throw failure("\\x{ does not end") }
        } else {
          for _ in 0..<2 {
            guard let digit = next else { break }
            digits.unicodeScalars.append(digit)
            position += 1
          }
        }
        guard let value = UInt32(digits, radix: 16), value <= 0x10FFFF else { throw failure("\\x\(digits) is no character") }
        return one(value)
      default:
        guard scalar.value < 128, !Self.word.contains(scalar.value) || scalar == "_" else {
          throw failure("\\\(scalar) is not part of the syntax")
        }
        return one(scalar.value)
      }
    }

    private mutating func bracket() throws -> Node {
      var result = CharacterSet(), isFirst = true
      let isNegated = take("^")
      while true {
        guard let scalar = next else { throw failure("a bracket does not end") }
        if scalar == "]", !isFirst {
          position += 1
          break
        }
        isFirst = false
        if take("[:") {
          let isOpposite = take("^")
          var name = ""
          while let letter = next, letter != ":" {
            name.unicodeScalars.append(letter)
            position += 1
          }
          guard take(":]"), let set = Self.named[name] else { throw failure("[:\(name):] is no class") }
          result.ranges += isOpposite ? Self.complement(set.ranges) : set.ranges
          continue
        }
        let low = try bracketItem()
        if low.isNegated || low.ranges.count != 1 || low.ranges[0].count != 1 {
          result.ranges += low.isNegated ? Self.complement(low.ranges) : low.ranges
          continue
        }
        var range = low.ranges[0]
        if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
          position += 1
          let high = try bracketItem()
          guard !high.isNegated, high.ranges.count == 1, high.ranges[0].count == 1, high.ranges[0].lowerBound >= range.lowerBound else {
            throw failure("a range that ends before it begins")
          }
          range = range.lowerBound...high.ranges[0].upperBound
        }
        result.ranges.append(range)
      }
      if flags.ignoresCase { result.ignoreCase() }
      result.isNegated = isNegated
      return .set(result)
    }

    private mutating func bracketItem() throws -> CharacterSet {
      let scalar = scalars[position]
      position += 1
      return scalar == "\\" ? try escapedSet() : CharacterSet(ranges: [scalar.value...scalar.value])
    }

    private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
      var result: [ClosedRange<UInt32>] = [], start: UInt32 = 0
      for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if range.lowerBound > start { result.append(start...(range.lowerBound - 1)) }
        start = max(start, range.upperBound + 1)
      }
      if start <= 0x10FFFF { result.append(start...0x10FFFF) }
      return result
    }
  }
}
