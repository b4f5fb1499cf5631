import EmberRuntime

/// What a tokenizer looks for: a fixed text or a regular expression.
enum TextPattern: Sendable {
  case text(String)
  case expression(RegularExpression)

  /// All places that match, in order, none of them empty. Throws if looking for an expression takes more steps than are allowed.
  func matches(in text: String, _ allowance: inout TextAllowance) throws(EmberError) -> [Range<String.Index>] {
    switch self {
    case .expression(let expression): return try expression.matches(in: text, &allowance)
    case .text(let searched): return Self.ranges(of: searched, in: text)
    }
  }

  /// All places of a text in another one, in order, that do not overlap. Takes time in proportion to the lengths of both, whatever they
  /// are (Knuth, Morris and Pratt, "Fast pattern matching in strings").
  static func ranges(of searched: String, in text: String) -> [Range<String.Index>] {
    let needle = Array(searched.utf8), hay = text.utf8
    guard !needle.isEmpty, needle.count <= hay.count else { return [] }
    // Of every beginning of what is searched: the length of the longest one that it ends with.
    var borders = [0]
    borders.reserveCapacity(needle.count)
    for byte in needle.dropFirst() {
      var length = borders[borders.count - 1]
      while length > 0, needle[length] != byte { length = borders[length - 1] }
      borders.append(needle[length] == byte ? length + 1 : 0)
    }
    var result: [Range<String.Index>] = []
    var matched = 0, end = 0
    for byte in hay {
      end += 1
      while matched > 0, needle[matched] != byte { matched = borders[matched - 1] }
      if needle[matched] == byte { matched += 1 }
      guard matched == needle.count else { continue }
      let first = hay.index(hay.startIndex, offsetBy: end - needle.count)
      result.append(first..<hay.index(first, offsetBy: needle.count))
      matched = 0
    }
    return result
  }
}

/// What the steps of a tokenizer may make of a text. Files bring the steps, and any number of them: without a bound, sixty that double a
/// text would fill every memory, and an expression that goes back at every character would never end.
struct TextAllowance {
  /// The UTF-8 bytes that may still come of the text.
  private(set) var length: Int
  /// The steps that looking for expressions may still take; a character that a loop goes over counts as one.
  var steps: Int

  /// - Parameter length: of the text, or of all tokens, in UTF-8 bytes.
  init(for length: Int) {
    self.length = 64 * length + 1 << 20
    steps = 256 * length + 2_000_000
  }

  /// Throws if a step would make more bytes than may come.
  func check(_ count: Int) throws(EmberError) {
    if count > length {
      throw EmberError(
        .value, in: "Tokenizer", "the steps of the tokenizer make a text of \(count) bytes of a short one; \(length) are allowed")
    }
  }

  /// The same for what is kept, which counts against what comes after it.
  mutating func use(_ count: Int) throws(EmberError) {
    try check(count)
    length -= count
  }
}

/// A regular expression over Unicode scalars, of the kind that tokenizers bring (Oniguruma's syntax without back references).
///
/// Matching goes back and tries again, as Oniguruma does, so that the first alternative that leads to a match is taken. The steps that a
/// text may take, those over single characters included, are bounded in proportion to its length, and the depth of nesting is bounded;
/// where an expression needs more, that is an error.
struct RegularExpression: Sendable {
  indirect enum Node: Sendable {
    case one(ScalarSet)
    case sequence([Node])
    case alternatives([Node])
    case loop(Node, minimum: Int, maximum: Int, Manner)
    case lookAhead(Node, isNegative: Bool)
    /// `longest` characters before a place are where it may begin.
    case lookBehind(Node, longest: Int, isNegative: Bool)
    /// What it has matched is not given back.
    case atomic(Node)
    case textStart, textEnd, lineStart, lineEnd
    case wordBoundary(isNegative: Bool)

    /// The most characters that it can match.
    var longest: Int {
      switch self {
      case .one: return 1
      case .sequence(let nodes):
        return nodes.reduce(0) { total, node in
          let (sum, isTooLarge) = total.addingReportingOverflow(node.longest)
          return isTooLarge ? .max : sum
        }
      case .alternatives(let nodes): return nodes.map(\.longest).max() ?? 0
      case .loop(let node, _, let maximum, _):
        let (product, isTooLarge) = node.longest.multipliedReportingOverflow(by: maximum)
        return isTooLarge ? .max : product
      case .atomic(let node): return node.longest
      case .lookAhead, .lookBehind, .textStart, .textEnd, .lineStart, .lineEnd, .wordBoundary: return 0
      }
    }
  }

  enum Manner: Sendable { case greedy, lazy, possessive }

  private let root: Node

  init(_ pattern: String) throws(EmberError) {
    var parser = RegularExpressionParser(pattern)
    root = try parser.parse()
  }

  func matches(in text: String, _ allowance: inout TextAllowance) throws(EmberError) -> [Range<String.Index>] {
    var text = text
    text.makeContiguousUTF8()
    var matcher = Matcher(scalars: Array(text.unicodeScalars), steps: allowance.steps)
    defer { allowance.steps = matcher.steps }
    var result: [Range<String.Index>] = []
    var start = 0, index = text.startIndex
    while start < matcher.scalars.count {
      let end = matcher.end(of: root, from: start)
      if matcher.isGivenUp {
        throw EmberError(
          .value, in: "Tokenizer", "a regular expression of the tokenizer goes back too often, or nests too deeply, in this text")
      }
      let next = text.unicodeScalars.index(index, offsetBy: Swift.max(1, end - start))
      if end > start { result.append(index..<next) }
      index = next
      start = Swift.max(end, start + 1)
    }
    return result
  }

  private struct Matcher {
    let scalars: [Unicode.Scalar]
    /// Those that are left, for all of the text.
    private(set) var steps: Int
    /// Whether steps or depth did not suffice: what was found is void.
    private(set) var isGivenUp = false
    private var depth = 0
    private static let depthLimit = 2_000

    init(scalars: [Unicode.Scalar], steps: Int) {
      self.scalars = scalars
      self.steps = steps
    }

    /// Where a match from `start` ends; -1 if there is none.
    mutating func end(of node: Node, from start: Int) -> Int {
      depth = 0
      var end = -1
      _ = run(node, start) { _, position in
        end = position
        return true
      }
      return end
    }

    private mutating func run(_ node: Node, _ position: Int, _ rest: (inout Matcher, Int) -> Bool) -> Bool {
      depth += 1
      defer { depth -= 1 }
      if depth > Self.depthLimit { isGivenUp = true }
      guard use(1) else { return false }
      switch node {
      case .one(let set): return position < scalars.count && set.contains(scalars[position]) && rest(&self, position + 1)
      case .sequence(let nodes): return run(nodes[...], position, rest)
      case .alternatives(let nodes):
        for node in nodes where run(node, position, rest) { return true }
        return false
      case .loop(let node, let minimum, let maximum, let manner):
        if case .one(let set) = node { return loop(set, minimum, maximum, manner, position, rest) }
        if manner == .possessive {
          let end = furthest { $0.repeats(node, minimum, maximum, .greedy, position, $1) }
          return end >= 0 && rest(&self, end)
        }
        return repeats(node, minimum, maximum, manner, position, rest)
      case .lookAhead(let node, let isNegative):
        let isFound = furthest { $0.run(node, position, $1) } >= 0
        return isFound != isNegative && rest(&self, position)
      case .lookBehind(let node, let longest, let isNegative):
        var isFound = false
        var start = position
        while !isFound, !isGivenUp, start >= 0, position - start <= longest {
          isFound = run(node, start) { _, end in end == position }
          start -= 1
        }
        return isFound != isNegative && rest(&self, position)
      case .atomic(let node):
        let end = furthest { $0.run(node, position, $1) }
        return end >= 0 && rest(&self, end)
      case .textStart: return position == 0 && rest(&self, position)
      case .textEnd: return position == scalars.count && rest(&self, position)
      case .lineStart: return (position == 0 || scalars[position - 1] == "\n") && rest(&self, position)
      case .lineEnd: return (position == scalars.count || scalars[position] == "\n") && rest(&self, position)
      case .wordBoundary(let isNegative):
        let before = position > 0 && ScalarSet.word.contains(scalars[position - 1])
        let after = position < scalars.count && ScalarSet.word.contains(scalars[position])
        return (before != after) != isNegative && rest(&self, position)
      }
    }

    /// Takes steps off what is left; false if there are not so many.
    private mutating func use(_ count: Int) -> Bool {
      steps -= count
      if steps < 0 { isGivenUp = true }
      return !isGivenUp
    }

    /// The end of the first match of `body`, -1 if it has none.
    private mutating func furthest(_ body: (inout Matcher, (inout Matcher, Int) -> Bool) -> Bool) -> Int {
      var end = -1
      _ = body(&self) { _, position in
        end = position
        return true
      }
      return end
    }

    private mutating func run(_ nodes: ArraySlice<Node>, _ position: Int, _ rest: (inout Matcher, Int) -> Bool) -> Bool {
      guard let first = nodes.first else { return rest(&self, position) }
      let others = nodes.dropFirst()
      if others.isEmpty { return run(first, position, rest) }
      return run(first, position) { $0.run(others, $1, rest) }
    }

    /// A loop over single characters needs no stack.
    private mutating func loop(
      _ set: ScalarSet, _ minimum: Int, _ maximum: Int, _ manner: Manner, _ position: Int, _ rest: (inout Matcher, Int) -> Bool
    ) -> Bool {
      let limit = Swift.min(scalars.count, maximum > scalars.count - position ? scalars.count : position + maximum)
      var end = position
      if manner == .lazy {
        while true {
          if end - position >= minimum, rest(&self, end) { return true }
          guard use(1), end < limit, set.contains(scalars[end]) else { return false }
          end += 1
        }
      }
      // No further than the steps that are left go.
      let reach = Swift.min(limit, position + Swift.max(0, steps) + 1)
      while end < reach, set.contains(scalars[end]) { end += 1 }
      guard use(end - position) else { return false }
      while end - position >= minimum {
        if rest(&self, end) { return true }
        if manner == .possessive { return false }
        end -= 1
        guard use(1) else { return false }
      }
      return false
    }

    private mutating func repeats(
      _ node: Node, _ minimum: Int, _ maximum: Int, _ manner: Manner, _ position: Int, _ rest: (inout Matcher, Int) -> Bool
    ) -> Bool {
      if manner == .lazy, minimum <= 0, rest(&self, position) { return true }
      if maximum > 0 {
        let isFound = run(node, position) { matcher, end in
          // An empty turn would go on for ever.
          end > position && matcher.repeats(node, minimum - 1, maximum == .max ? .max : maximum - 1, manner, end, rest)
        }
        if isFound { return true }
      }
      return manner != .lazy && minimum <= 0 && rest(&self, position)
    }
  }
}

/// A set of characters: ranges, Unicode categories and properties; or everything else.
struct ScalarSet: Sendable {
  private var ranges: [ClosedRange<UInt32>] = []
  /// One bit a general category.
  private var categories: UInt32 = 0
  private var hasSpaces = false, hasAlphabetic = false
  private var members: [ScalarSet] = []
  private var intersection: [ScalarSet] = []
  private var isNegated = false
  /// What of ASCII is in it, once it is finished.
  private var ascii: (UInt64, UInt64) = (0, 0)

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let code = scalar.value
    if code < 128 { return (code < 64 ? ascii.0 >> UInt64(code) : ascii.1 >> UInt64(code - 64)) & 1 == 1 }
    return decides(scalar)
  }

  private func decides(_ scalar: Unicode.Scalar) -> Bool { isAmong(scalar) != isNegated }

  private func isAmong(_ scalar: Unicode.Scalar) -> Bool {
    if !intersection.isEmpty { return intersection.allSatisfy { $0.decides(scalar) } }
    let code = scalar.value
    for range in ranges where range.contains(code) { return true }
    if hasSpaces, scalar.properties.isWhitespace { return true }
    if hasAlphabetic, scalar.properties.isAlphabetic { return true }
    if categories != 0, categories >> scalar.properties.generalCategory.number & 1 == 1 { return true }
    return members.contains { $0.decides(scalar) }
  }

  private func finished() -> ScalarSet {
    var result = self
    for code in UInt32(0)..<64 {
      if decides(Unicode.Scalar(code)!) { result.ascii.0 |= 1 << UInt64(code) }
      if decides(Unicode.Scalar(code + 64)!) { result.ascii.1 |= 1 << UInt64(code) }
    }
    return result
  }

  static let spaces = {
    var set = ScalarSet()
    set.hasSpaces = true
    return set.finished()
  }()
  static let digits = category("Nd")!
  /// Letters, marks, digits and connecting punctuation.
  static let word = {
    var set = category("M")!
    set.hasAlphabetic = true
    set.categories |= category("Nd")!.categories | category("Pc")!.categories
    return set.finished()
  }()

  /// The same, and what joins letters without being seen.
  static let wordOrJoiner = union([word, range(0x200C, 0x200D)])

  static func range(_ first: UInt32, _ last: UInt32) -> ScalarSet {
    var set = ScalarSet()
    set.ranges = [first...last]
    return set.finished()
  }

  static func union(_ sets: [ScalarSet]) -> ScalarSet {
    var result = ScalarSet()
    for set in sets {
      if set.isNegated || !set.intersection.isEmpty || !set.members.isEmpty {
        result.members.append(set)
      } else {
        result.ranges += set.ranges
        result.categories |= set.categories
        result.hasSpaces = result.hasSpaces || set.hasSpaces
        result.hasAlphabetic = result.hasAlphabetic || set.hasAlphabetic
      }
    }
    return result.finished()
  }

  static func intersection(_ sets: [ScalarSet]) -> ScalarSet {
    if sets.count == 1 { return sets[0] }
    var result = ScalarSet()
    result.intersection = sets
    return result.finished()
  }

  var negated: ScalarSet {
    var result = self
    result.isNegated.toggle()
    result.ascii = (~ascii.0, ~ascii.1)
    return result
  }

  /// A character and, if asked for, the same letter large and small.
  static func character(_ scalar: Unicode.Scalar, ignoresCase: Bool) -> ScalarSet {
    var set = ScalarSet()
    set.ranges = [scalar.value...scalar.value]
    if ignoresCase {
      let mappings = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping].flatMap { $0.unicodeScalars.count == 1 ? Array($0.unicodeScalars) : [] }
      for other in mappings where other != scalar { set.ranges.append(other.value...other.value) }
      // Two letters outside of ASCII fold to letters in it: the long s and the sign of the kelvin.
      if "sS".unicodeScalars.contains(scalar) { set.ranges.append(0x17F...0x17F) }
      if "kK".unicodeScalars.contains(scalar) { set.ranges.append(0x212A...0x212A) }
    }
    return set.finished()
  }

  /// A general category (`Lu`), a group of them (`L`), a property or a script; nil if it is unknown.
  static func category(_ name: String) -> ScalarSet? {
    var set = ScalarSet()
    let groups = Unicode.GeneralCategory.names.enumerated().filter { $0.element == name || ($0.element.hasPrefix(name) && name.count == 1) }
    for group in groups { set.categories |= 1 << UInt32(group.offset) }
    switch name {
    case "Alphabetic", "Alpha", "alpha": set.hasAlphabetic = true
    case "White_Space", "Space", "space": set.hasSpaces = true
    case "digit", "Digit": return digits
    case "punct", "Punct": return category("P")
    case "Letter": return category("L")
    case "Number": return category("N")
    case "Punctuation": return category("P")
    case "Symbol": return category("S")
    case "Mark": return category("M")
    case "Han":
      set.ranges = [
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B, 0x3400...0x4DBF,
        0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3, 0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2EBE0,
        0x2F800...0x2FA1D, 0x30000...0x323AF,
      ]
    case "Hiragana": set.ranges = [0x3041...0x3096, 0x309D...0x309F, 0x1B001...0x1B11F, 0x1F200...0x1F200]
    case "Katakana":
      set.ranges = [0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x32D0...0x32FE, 0x3300...0x3357, 0xFF66...0xFF6F, 0xFF71...0xFF9D]
    case "Hangul":
      set.ranges = [
        0x1100...0x11FF, 0x302E...0x302F, 0x3131...0x318E, 0x3200...0x321E, 0x3260...0x327E, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xD7B0...0xD7FB,
        0xFFA0...0xFFDC,
      ]
    default: if groups.isEmpty { return nil }
    }
    return set.finished()
  }
}

extension Unicode.GeneralCategory {
  /// Short names, in the order of `number`.
  static let names = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl",
    "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  var number: UInt32 {
    switch self {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    case .unassigned: 29
    @unknown default: 29
    }
  }
}
