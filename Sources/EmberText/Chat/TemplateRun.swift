import EmberRuntime
import Glibc

/// Runs a template. Bounded are the steps, the characters and elements of all that it makes and writes, the characters that it reads to do
/// so, and how deeply values lie within one another; the room for values grows with the conversation.
struct TemplateRun {
  private(set) var output = ""
  private var scopes: [[String: TemplateValue]]
  private var steps = 0, depth = 0
  /// What may still be made, and read, in characters; an element of a list counts as `TemplateValue.elementWeight`.
  private var room: Int, work: Int
  private let weightLimit: Int
  private var namespaces: [TemplateNamespace] = []
  private static let stepLimit = 2_000_000, depthLimit = 64

  /// How a body ended.
  private enum Outcome { case done, left, proceeded }

  init(variables: [String: TemplateValue]) {
    scopes = [variables]
    room = 1 << 26 + 64 * variables.values.reduce(0) { $0 + $1.weight }
    work = 4 * room
    weightLimit = room
  }

  /// Empties the namespaces, which may hold each other in circles or in long chains. Nothing may be run after it.
  func finish() { for namespace in namespaces { namespace.values = [:] } }

  private func bad(_ message: String) -> EmberError { EmberError(.unsupported, in: "ChatTemplate", message) }

  private mutating func step() throws(EmberError) {
    steps += 1
    if steps > Self.stepLimit { throw bad("the template does not come to an end") }
  }

  /// Throws if there is no room for so many characters.
  private func fit(_ count: Int) throws(EmberError) {
    if count > room { throw bad("the values of the template take too much room") }
  }

  /// Counts characters that are made.
  private mutating func make(_ count: Int) throws(EmberError) {
    try fit(count)
    room -= count
    try read(count)
  }

  /// Counts characters that are read.
  private mutating func read(_ count: Int) throws(EmberError) {
    if count > work { throw bad("the template does not come to an end: it reads its texts too often") }
    work -= count
  }

  /// Counts a value that has been made. What lists and dictionaries hold has been counted before.
  private mutating func made(_ value: TemplateValue) throws(EmberError) -> TemplateValue {
    switch value {
    case .text(let text): try make(text.utf8.count)
    case .list(let list): try make(list.items.count * TemplateValue.elementWeight)
    case .dictionary(let dictionary): try make(dictionary.members.count * 2 * TemplateValue.elementWeight)
    default: break
    }
    if value.depth > Self.depthLimit { throw bad("values of the template lie more than \(Self.depthLimit) deep within one another") }
    if value.weight > weightLimit { throw bad("the values of the template take too much room") }
    return value
  }

  // MARK: - What reads values

  /// The items of a value, nil if it has none.
  private mutating func items(of value: TemplateValue) throws(EmberError) -> [TemplateValue]? {
    switch value {
    case .list(let list): return list.items
    case .dictionary(let dictionary):
      try make(dictionary.members.count * TemplateValue.elementWeight)
      return dictionary.members.map { .text($0.key) }
    case .text(let text):
      try make(text.unicodeScalars.count * TemplateValue.elementWeight)
      return text.unicodeScalars.map { .text(String(Character($0))) }
    case .undefined: return []
    default: return nil
    }
  }

  private func hasItems(_ value: TemplateValue) -> Bool {
    switch value {
    case .list, .dictionary, .text, .undefined: true
    default: false
    }
  }

  private mutating func member(_ object: TemplateValue, _ key: String) throws(EmberError) -> TemplateValue {
    if case .dictionary(let dictionary) = object { try read(dictionary.members.count * (1 + key.utf8.count)) }
    return object.member(key)
  }

  /// A value as it is printed.
  private mutating func text(_ value: TemplateValue) throws(EmberError) -> String {
    if value.depth > 0 { return try json(value, indent: nil) }
    return value.string
  }

  private mutating func json(_ value: TemplateValue, indent: Int?) throws(EmberError) -> String {
    // Signs that are escaped take two characters; every element has a line, and its brackets one each.
    let factor = 3 + (indent ?? 0) * (value.depth + 1) / 16
    try make(value.weight * factor)
    return value.json(indent: indent)
  }

  private mutating func areEqual(_ a: TemplateValue, _ b: TemplateValue) throws(EmberError) -> Bool {
    switch (a, b) {
    case (.none, .none), (.undefined, .undefined): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.text(let a), .text(let b)):
      guard a.utf8.count == b.utf8.count else { return false }
      try read(a.utf8.count)
      return a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)):
      guard a.items.count == b.items.count else { return false }
      for (x, y) in zip(a.items, b.items) {
        try read(1)
        guard try areEqual(x, y) else { return false }
      }
      return true
    case (.dictionary(let a), .dictionary(let b)):
      guard a.members.count == b.members.count else { return false }
      for member in a.members {
        var isFound = false
        for other in b.members where !isFound {
          try read(1 + member.key.utf8.count)
          if other.key == member.key { isFound = try areEqual(member.value, other.value) }
        }
        guard isFound else { return false }
      }
      return true
    default:
      if let a = a.number, let b = b.number { return a == b }
      return false
    }
  }

  private mutating func contains(_ items: [TemplateValue], _ value: TemplateValue) throws(EmberError) -> Bool {
    for item in items {
      try read(1)
      if try areEqual(item, value) { return true }
    }
    return false
  }

  // MARK: - Statements

  mutating func render(_ nodes: [TemplateNode]) throws(EmberError) { _ = try run(nodes) }

  private mutating func run(_ nodes: [TemplateNode]) throws(EmberError) -> Outcome {
    for node in nodes {
      try step()
      switch node {
      case .text(let text):
        try make(text.utf8.count)
        output += text
      case .output(let expression):
        let text = try text(try value(expression))
        try make(text.utf8.count)
        output += text
      case .leave: return .left
      case .proceed: return .proceeded
      case .choice(let branches):
        for (condition, body) in branches {
          if let condition, try !value(condition).isTrue { continue }
          let outcome = try run(body)
          if outcome != .done { return outcome }
          break
        }
      case .loop(let names, let over, let condition, let body, let otherwise):
        try loop(names, try value(over), condition, body, otherwise)
      case .set(let name, let member, let expression):
        let new = try value(expression)
        if let member {
          guard case .namespace(let namespace) = lookUp(name) else { throw bad("\(name).\(member) is set, but \(name) is no namespace") }
          namespace.values[member] = new
        } else {
          scopes[scopes.count - 1][name] = new
        }
      case .setBlock(let name, let body):
        let outer = output
        output = ""
        _ = try run(body)
        scopes[scopes.count - 1][name] = .text(output)
        output = outer
      }
    }
    return .done
  }

  private mutating func loop(
    _ names: [String], _ over: TemplateValue, _ condition: TemplateExpression?, _ body: [TemplateNode], _ otherwise: [TemplateNode]
  ) throws(EmberError) {
    guard var items = try items(of: over) else { throw bad("a loop over something that has no items") }
    func bound(_ item: TemplateValue) throws(EmberError) -> [String: TemplateValue] {
      if names.count == 1 { return [names[0]: item] }
      guard case .list(let list) = item, list.items.count == names.count else {
        throw bad("a loop of \(names.count) names over items of another number of parts")
      }
      return Dictionary(zip(names, list.items), uniquingKeysWith: { $1 })
    }
    if let condition {
      var kept: [TemplateValue] = []
      for item in items {
        try step()
        scopes.append(try bound(item))
        defer { scopes.removeLast() }
        if try value(condition).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty { return _ = try run(otherwise) }
    for (i, item) in items.enumerated() {
      try make(TemplateValue.elementWeight)
      var scope = try bound(item)
      scope["loop"] = TemplateValue(members: [
        ("index", .int(i + 1)), ("index0", .int(i)), ("revindex", .int(items.count - i)), ("revindex0", .int(items.count - i - 1)),
        ("first", .bool(i == 0)), ("last", .bool(i == items.count - 1)), ("length", .int(items.count)),
        ("previtem", i > 0 ? items[i - 1] : .undefined), ("nextitem", i + 1 < items.count ? items[i + 1] : .undefined),
      ])
      scopes.append(scope)
      defer { scopes.removeLast() }
      if try run(body) == .left { break }
    }
  }

  // MARK: - Expressions

  private func lookUp(_ name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return .undefined
  }

  private mutating func values(_ expressions: [TemplateExpression]) throws(EmberError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    for expression in expressions { result.append(try value(expression)) }
    return result
  }

  private mutating func value(_ expression: TemplateExpression) throws(EmberError) -> TemplateValue {
    try step()
    depth += 1
    defer { depth -= 1 }
    if depth > 500 { throw bad("an expression that is nested too deeply") }
    switch expression {
    case .text(let text): return .text(text)
    case .int(let number): return .int(number)
    case .real(let number): return .real(number)
    case .bool(let flag): return .bool(flag)
    case .none: return .none
    case .name(let name): return lookUp(name)
    case .list(let items): return try made(TemplateValue(items: try values(items)))
    case .dictionary(let members):
      var result: [(key: String, value: TemplateValue)] = []
      for member in members { result.append((try text(try value(member.key)), try value(member.value))) }
      return try made(TemplateValue(members: result))
    case .member(let object, let name): return try member(try value(object), name)
    case .index(let object, let key): return try index(try value(object), try value(key))
    case .slice(let object, let start, let end, let step):
      var bounds: [Int?] = []
      for bound in [start, end, step] {
        if let bound, case .int(let number) = try value(bound) { bounds.append(number) } else { bounds.append(nil) }
      }
      return try slice(try value(object), bounds[0], bounds[1], bounds[2] ?? 1)
    case .call(let function, let positional, let named):
      var options: [String: TemplateValue] = [:]
      for argument in named { options[argument.name] = try value(argument.value) }
      if case .member(let object, let name) = function { return try method(try value(object), name, try values(positional)) }
      guard case .name(let name) = function else { throw bad("something is called that is no function") }
      return try call(name, try values(positional), options)
    case .filter(let input, let name, let positional, let named):
      var options: [String: TemplateValue] = [:]
      for argument in named { options[argument.name] = try value(argument.value) }
      return try filter(try value(input), name, try values(positional), options)
    case .test(let input, let name, let arguments, let isNegated):
      return .bool(try test(try value(input), name, try values(arguments)) != isNegated)
    case .negated(let inner): return .bool(!(try value(inner).isTrue))
    case .minus(let inner):
      switch try value(inner) {
      case .int(let number):
        guard number != .min else { throw bad("minus \(number) is too large") }
        return .int(-number)
      case .real(let number): return .real(-number)
      default: throw bad("a minus before something that is no number")
      }
    case .conditional(let condition, let yes, let no):
      if try value(condition).isTrue { return try value(yes) }
      return try no.map { expression throws(EmberError) in try value(expression) } ?? .undefined
    case .binary("and", let a, let b):
      let first = try value(a)
      return first.isTrue ? try value(b) : first
    case .binary("or", let a, let b):
      let first = try value(a)
      return first.isTrue ? first : try value(b)
    case .binary(let sign, let a, let b): return try binary(sign, try value(a), try value(b))
    }
  }

  private mutating func binary(_ sign: String, _ a: TemplateValue, _ b: TemplateValue) throws(EmberError) -> TemplateValue {
    func refused() -> EmberError { bad("\(sign) between \(a.json(indent: nil).prefix(40)) and \(b.json(indent: nil).prefix(40))") }
    switch sign {
    case "==": return .bool(try areEqual(a, b))
    case "!=": return .bool(!(try areEqual(a, b)))
    case "~": return try joined([try text(a), try text(b)], separator: "")
    case "in":
      if case .text(let whole) = b, case .text(let part) = a {
        try read(whole.utf8.count + part.utf8.count)
        return .bool(part.isEmpty || !TextPattern.ranges(of: part, in: whole).isEmpty)
      }
      guard let items = try items(of: b) else { throw refused() }
      return .bool(try contains(items, a))
    case "<", ">", "<=", ">=":
      let order: Int
      if let x = a.number, let y = b.number {
        order = x < y ? -1 : x > y ? 1 : 0
      } else if case .text(let x) = a, case .text(let y) = b {
        try read(x.utf8.count + y.utf8.count)
        order = x < y ? -1 : x == y ? 0 : 1
      } else {
        throw refused()
      }
      return .bool(sign == "<" ? order < 0 : sign == ">" ? order > 0 : sign == "<=" ? order <= 0 : order >= 0)
    case "+":
      if case .text(let x) = a, case .text(let y) = b { return try joined([x, y], separator: "") }
      if case .list(let x) = a, case .list(let y) = b {
        try fit((x.items.count + y.items.count) * TemplateValue.elementWeight)
        return try made(TemplateValue(items: x.items + y.items))
      }
    default: break
    }
    if case .int(let x) = a, case .int(let y) = b, sign != "/" {
      let result: (partialValue: Int, overflow: Bool)
      switch sign {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      case "//", "%":
        guard y != 0 else { throw refused() }
        // Rounded down, as in Python: what is left has the divisor's sign.
        let quotient = x.dividedReportingOverflow(by: y), rest = x.remainderReportingOverflow(dividingBy: y).partialValue
        let isAbove = rest != 0 && (rest < 0) != (y < 0)
        if sign == "%" {
          result = (isAbove ? rest + y : rest, false)
        } else {
          result = isAbove ? quotient.partialValue.subtractingReportingOverflow(1) : quotient
        }
      default: throw refused()
      }
      if result.overflow { throw refused() }
      return .int(result.partialValue)
    }
    guard let x = a.number, let y = b.number else { throw refused() }
    switch sign {
    case "+": return .real(x + y)
    case "-": return .real(x - y)
    case "*": return .real(x * y)
    case "/" where y != 0: return .real(x / y)
    default: throw refused()
    }
  }

  private mutating func index(_ object: TemplateValue, _ key: TemplateValue) throws(EmberError) -> TemplateValue {
    switch (object, key) {
    case (.dictionary, .text(let name)), (.namespace, .text(let name)): return try member(object, name)
    case (.list(let list), .int(let place)):
      let index = place < 0 ? place + list.items.count : place
      return list.items.indices.contains(index) ? list.items[index] : .undefined
    case (.text(let text), .int(let place)):
      let scalars = text.unicodeScalars
      guard place.magnitude <= UInt(text.utf8.count) else { return .undefined }
      try read(Int(place.magnitude))
      let index =
        place < 0
        ? scalars.index(scalars.endIndex, offsetBy: place, limitedBy: scalars.startIndex)
        : scalars.index(scalars.startIndex, offsetBy: place, limitedBy: scalars.endIndex)
      guard let index, index < scalars.endIndex else { return .undefined }
      return .text(String(Character(scalars[index])))
    default: return .undefined
    }
  }

  private mutating func slice(_ object: TemplateValue, _ start: Int?, _ end: Int?, _ step: Int) throws(EmberError) -> TemplateValue {
    guard hasItems(object), step == 1 || step == -1 else { throw bad("a range of something that has none, or with a step") }
    if step == -1, start != nil || end != nil { throw bad("a range that runs backwards and has bounds") }
    func places(_ count: Int) -> Range<Int> {
      func place(_ bound: Int?, _ standard: Int) -> Int {
        guard let bound else { return standard }
        return Swift.min(Swift.max(bound < 0 ? bound + count : bound, 0), count)
      }
      let first = place(start, 0)
      return first..<Swift.max(first, place(end, count))
    }
    if case .text(let text) = object {
      try read(text.utf8.count)
      let scalars = text.unicodeScalars
      if step == -1 {
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars.reversed())
        return try made(.text(String(result)))
      }
      let range = places(scalars.count)
      let first = scalars.index(scalars.startIndex, offsetBy: range.lowerBound)
      return try made(.text(String(scalars[first..<scalars.index(first, offsetBy: range.count)])))
    }
    let items = try items(of: object) ?? []
    return try made(TemplateValue(items: step == 1 ? Array(items[places(items.count)]) : items.reversed()))
  }

  /// Texts one after another; throws before it makes more than there is room for.
  private mutating func joined(_ parts: [String], separator: String) throws(EmberError) -> TemplateValue {
    let count = parts.reduce(0) { $0 + $1.utf8.count } + Swift.max(0, parts.count - 1) * separator.utf8.count
    try fit(count)
    return try made(.text(parts.joined(separator: separator)))
  }

  private mutating func joined(_ value: TemplateValue, separator: String) throws(EmberError) -> TemplateValue {
    let items = try items(of: value) ?? []
    try make(items.count * TemplateValue.elementWeight)
    var parts: [String] = []
    for item in items { parts.append(try text(item)) }
    return try joined(parts, separator: separator)
  }

  private mutating func replaced(_ text: String, _ searched: TemplateValue, _ content: TemplateValue) throws(EmberError) -> TemplateValue {
    let searched = try self.text(searched), content = try self.text(content)
    try read(text.utf8.count + searched.utf8.count)
    let ranges = TextPattern.ranges(of: searched, in: text)
    try fit(Replace.length(text, at: ranges, by: content))
    return try made(.text(Replace.replaced(text, at: ranges, by: content)))
  }

  private mutating func call(
    _ name: String, _ arguments: [TemplateValue], _ options: [String: TemplateValue]
  ) throws(EmberError) -> TemplateValue {
    switch name {
    case "raise_exception":
      var message = "the template refuses the conversation"
      if let first = arguments.first { message = try text(first) }
      throw EmberError(.value, in: "ChatTemplate", message)
    case "namespace":
      try make((options.count + 4) * TemplateValue.elementWeight)
      let namespace = TemplateNamespace()
      namespace.values = options
      namespaces.append(namespace)
      return .namespace(namespace)
    case "dict": return try made(TemplateValue(members: options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
    case "range":
      let bounds = arguments.compactMap { if case .int(let number) = $0 { number } else { nil } }
      guard bounds.count == arguments.count, (1...3).contains(bounds.count), bounds.count < 3 || bounds[2] != 0 else { throw bad("range of what is no number") }
      let start = bounds.count == 1 ? 0 : bounds[0], end = bounds.count == 1 ? bounds[0] : bounds[1]
      guard abs(Double(end) - Double(start)) < 1e5 else { throw bad("a range of more than 100,000 numbers") }
      return try made(TemplateValue(items: stride(from: start, to: end, by: bounds.count == 3 ? bounds[2] : 1).map { .int($0) }))
    case "strftime_now":
      let format = try arguments.first.map { value throws(EmberError) in try text(value) } ?? "%Y-%m-%d"
      try read(format.utf8.count)
      var now = time(nil)
      var parts = tm()
      localtime_r(&now, &parts)
      var result = [CChar](repeating: 0, count: 256)
      let count = strftime(&result, result.count, format, &parts)
      return try made(.text(String(decoding: result.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)))
    default: throw bad("the function \(name) is not known")
    }
  }

  private static func stripped(_ text: String, left: Bool = true, right: Bool = true, of characters: String? = nil) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.properties.isWhitespace }
    var scalars = Substring(text).unicodeScalars
    if left { while let first = scalars.first, goes(first) { scalars.removeFirst() } }
    if right { while let last = scalars.last, goes(last) { scalars.removeLast() } }
    return String(Substring(scalars))
  }

  private mutating func method(_ object: TemplateValue, _ name: String, _ arguments: [TemplateValue]) throws(EmberError) -> TemplateValue {
    if case .text(let whole) = object {
      try read(whole.utf8.count)
      if name == "join" { return try joined(arguments.first ?? .undefined, separator: whole) }
      if name == "replace", arguments.count >= 2 { return try replaced(whole, arguments[0], arguments[1]) }
    }
    let first = try arguments.first.map { value throws(EmberError) in try text(value) }
    try read(first?.utf8.count ?? 0)
    switch (object, name) {
    case (.text(let text), "strip"): return try made(.text(Self.stripped(text, of: first)))
    case (.text(let text), "lstrip"): return try made(.text(Self.stripped(text, right: false, of: first)))
    case (.text(let text), "rstrip"): return try made(.text(Self.stripped(text, left: false, of: first)))
    case (.text(let text), "upper"): return try made(.text(text.uppercased()))
    case (.text(let text), "lower"): return try made(.text(text.lowercased()))
    case (.text, "title"), (.text, "capitalize"): return try filter(object, name, [], [:])
    case (.text(let text), "startswith"): return .bool(text.utf8.starts(with: (first ?? "").utf8))
    case (.text(let text), "endswith"): return .bool(text.utf8.reversed().starts(with: (first ?? "").utf8.reversed()))
    case (.text(let text), "split"):
      var parts: [TemplateValue] = []
      if let first {
        var end = text.startIndex
        for range in TextPattern.ranges(of: first, in: text) {
          parts.append(.text(String(text[end..<range.lowerBound])))
          end = range.upperBound
        }
        parts.append(.text(String(text[end...])))
      } else {
        parts = text.split(whereSeparator: \.isWhitespace).map { .text(String($0)) }
      }
      try make(text.utf8.count)
      return try made(TemplateValue(items: parts))
    case (.dictionary(let dictionary), "items"):
      try make(dictionary.members.count * 2 * TemplateValue.elementWeight)
      return try made(TemplateValue(items: dictionary.members.map { TemplateValue(items: [.text($0.key), $0.value]) }))
    case (.dictionary(let dictionary), "keys"): return try made(TemplateValue(items: dictionary.members.map { .text($0.key) }))
    case (.dictionary(let dictionary), "values"): return try made(TemplateValue(items: dictionary.members.map(\.value)))
    case (.dictionary, "get"):
      let found = try member(object, first ?? "")
      if case .undefined = found { return arguments.count > 1 ? arguments[1] : .none }
      return found
    default: throw bad("the method \(name) of \(object.json(indent: nil).prefix(40)) is not known")
    }
  }

  private mutating func filter(
    _ input: TemplateValue, _ name: String, _ arguments: [TemplateValue], _ options: [String: TemplateValue]
  ) throws(EmberError) -> TemplateValue {
    switch name {
    case "safe", "e", "escape": return input
    case "default", "d":
      if case .undefined = input { return arguments.first ?? .text("") }
      let alsoFalse = arguments.count > 1 ? arguments[1].isTrue : options["boolean"]?.isTrue ?? false
      return alsoFalse && !input.isTrue ? arguments.first ?? .text("") : input
    case "first": return try end(of: input, place: 0)
    case "last": return try end(of: input, place: -1)
    case "trim", "upper", "lower", "capitalize", "title", "string", "replace":
      let text = try text(input)
      try read(text.utf8.count)
      switch name {
      case "trim": return try made(.text(Self.stripped(text)))
      case "upper": return try made(.text(text.uppercased()))
      case "lower": return try made(.text(text.lowercased()))
      case "capitalize": return try made(.text(text.prefix(1).uppercased() + text.dropFirst().lowercased()))
      case "title":
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        try make(words.count * TemplateValue.elementWeight)
        return try made(.text(words.map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: " ")))
      case "replace":
        guard arguments.count >= 2 else { throw bad("replace without two texts") }
        return try replaced(text, arguments[0], arguments[1])
      default: return .text(text)
      }
    case "int":
      if let number = input.number { return .int(Int(exactly: number.rounded(.towardZero)) ?? 0) }
      try read(input.weight)
      if case .text(let text) = input { return .int(Int(text) ?? 0) }
      return .int(0)
    case "length", "count":
      switch input {
      case .list(let list): return .int(list.items.count)
      case .dictionary(let dictionary): return .int(dictionary.members.count)
      case .text(let text):
        try read(text.utf8.count)
        return .int(text.unicodeScalars.count)
      default: return .int(0)
      }
    case "list": return try made(TemplateValue(items: try items(of: input) ?? []))
    case "reverse": return try made(TemplateValue(items: (try items(of: input) ?? []).reversed()))
    case "join": return try joined(input, separator: try arguments.first.map { value throws(EmberError) in try text(value) } ?? "")
    case "tojson":
      var indent: Int?
      if case .int(let number)? = options["indent"] ?? arguments.first, (0...16).contains(number) { indent = number }
      return .text(try json(input, indent: indent))
    case "items": return try method(input, "items", [])
    case "map":
      guard let attribute = options["attribute"] else { throw bad("a map without an attribute") }
      let key = try text(attribute)
      var members: [TemplateValue] = []
      for item in try items(of: input) ?? [] {
        try read(1)
        members.append(try member(item, key))
      }
      return try made(TemplateValue(items: members))
    case "selectattr", "rejectattr":
      guard let attribute = arguments.first else { throw bad("\(name) without an attribute") }
      let key = try text(attribute), condition = arguments.count > 1 ? try text(arguments[1]) : ""
      var kept: [TemplateValue] = []
      for item in try items(of: input) ?? [] {
        try read(1)
        let member = try member(item, key)
        let holds = arguments.count > 1 ? try test(member, condition, Array(arguments.dropFirst(2))) : member.isTrue
        if holds == (name == "selectattr") { kept.append(item) }
      }
      return try made(TemplateValue(items: kept))
    default: throw bad("the filter \(name) is not known")
    }
  }

  /// The first or last item of a value.
  private mutating func end(of value: TemplateValue, place: Int) throws(EmberError) -> TemplateValue {
    if case .dictionary(let dictionary) = value {
      return (place == 0 ? dictionary.members.first : dictionary.members.last).map { .text($0.key) } ?? .undefined
    }
    return try index(value, .int(place))
  }

  private mutating func test(_ input: TemplateValue, _ name: String, _ arguments: [TemplateValue]) throws(EmberError) -> Bool {
    switch (name, input) {
    case ("defined", .undefined): return false
    case ("defined", _): return true
    case ("undefined", .undefined): return true
    case ("undefined", _): return false
    case ("none", .none): return true
    case ("none", _): return false
    case ("string", .text): return true
    case ("string", _): return false
    case ("mapping", .dictionary): return true
    case ("mapping", _): return false
    case ("sequence", .list), ("sequence", .text), ("sequence", .dictionary): return true
    case ("sequence", _): return false
    case ("iterable", _): return hasItems(input)
    case ("boolean", .bool): return true
    case ("boolean", _): return false
    case ("number", .int), ("number", .real), ("integer", .int), ("float", .real): return true
    case ("number", _), ("integer", _), ("float", _): return false
    case ("true", .bool(let value)): return value
    case ("false", .bool(let value)): return !value
    case ("true", _), ("false", _): return false
    case ("equalto", _), ("eq", _): return try arguments.first.map { value throws(EmberError) in try areEqual(input, value) } ?? false
    case ("in", _): return try contains(try items(of: arguments.first ?? .undefined) ?? [], input)
    default: throw bad("the test \(name) is not known")
    }
  }
}
