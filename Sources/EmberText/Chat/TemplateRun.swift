import EmberRuntime
import Glibc

/// Runs a template. The number of steps and the length of what is written are bounded.
struct TemplateRun {
  private(set) var output = ""
  private var scopes: [[String: TemplateValue]]
  private var steps = 0, depth = 0
  private static let stepLimit = 2_000_000, outputLimit = 1 << 26

  /// How a body ended.
  private enum Outcome { case done, left, proceeded }

  init(variables: [String: TemplateValue]) { scopes = [variables] }

  private func bad(_ message: String) -> EmberError { EmberError(.unsupported, in: "ChatTemplate", message) }

  private mutating func step() throws(EmberError) {
    steps += 1
    if steps > Self.stepLimit || output.utf8.count > Self.outputLimit { throw bad("the template does not come to an end") }
  }

  mutating func render(_ nodes: [TemplateNode]) throws(EmberError) { _ = try run(nodes) }

  private mutating func run(_ nodes: [TemplateNode]) throws(EmberError) -> Outcome {
    for node in nodes {
      try step()
      switch node {
      case .text(let text): output += text
      case .output(let expression): output += try value(expression).string
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
    guard var items = over.items else { throw bad("a loop over something that has no items") }
    func bound(_ item: TemplateValue) throws(EmberError) -> [String: TemplateValue] {
      if names.count == 1 { return [names[0]: item] }
      guard case .list(let parts) = item, parts.count == names.count else { throw bad("a loop of \(names.count) names over items of another number of parts") }
      return Dictionary(zip(names, parts), uniquingKeysWith: { $1 })
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
      var scope = try bound(item)
      scope["loop"] = .dictionary([
        ("index", .int(i + 1)), ("index0", .int(i)), ("revindex", .int(items.count - i)), ("revindex0", .int(items.count - i - 1)),
        ("first", .bool(i == 0)), ("last", .bool(i == items.count - 1)), ("length", .int(items.count)),
        ("previtem", i > 0 ? items[i - 1] : .undefined), ("nextitem", i + 1 < items.count ? items[i + 1] : .undefined),
      ])
      scopes.append(scope)
      defer { scopes.removeLast() }
      if try run(body) == .left { break }
    }
  }

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
    case .list(let items): return .list(try values(items))
    case .dictionary(let members):
      var result: [(key: String, value: TemplateValue)] = []
      for member in members { result.append((try value(member.key).string, try value(member.value))) }
      return .dictionary(result)
    case .member(let object, let name): return try value(object).member(name)
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
      case .int(let number): return .int(0 &- number)
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

  private func binary(_ sign: String, _ a: TemplateValue, _ b: TemplateValue) throws(EmberError) -> TemplateValue {
    func refused() -> EmberError { bad("\(sign) between \(a.json(indent: nil).prefix(40)) and \(b.json(indent: nil).prefix(40))") }
    switch sign {
    case "==": return .bool(a.isEqual(to: b))
    case "!=": return .bool(!a.isEqual(to: b))
    case "~": return .text(a.string + b.string)
    case "in":
      if case .text(let whole) = b, case .text(let part) = a { return .bool(part.isEmpty || !TextPattern.text(part).matches(in: whole).isEmpty) }
      guard let items = b.items else { throw refused() }
      return .bool(items.contains { $0.isEqual(to: a) })
    case "<", ">", "<=", ">=":
      let order: Int
      if let x = a.number, let y = b.number {
        order = x < y ? -1 : x > y ? 1 : 0
      } else if case .text(let x) = a, case .text(let y) = b {
        order = x < y ? -1 : x == y ? 0 : 1
      } else {
        throw refused()
      }
      return .bool(sign == "<" ? order < 0 : sign == ">" ? order > 0 : sign == "<=" ? order <= 0 : order >= 0)
    case "+":
      if case .text(let x) = a, case .text(let y) = b { return .text(x + y) }
      if case .list(let x) = a, case .list(let y) = b { return .list(x + y) }
    default: break
    }
    if case .int(let x) = a, case .int(let y) = b, sign != "/" {
      let result: (partialValue: Int, overflow: Bool)
      switch sign {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      case "//", "%":
        guard y != 0, !(x == .min && y == -1) else { throw refused() }
        // Rounded down, as in Python.
        let quotient = x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0)
        result = sign == "//" ? (quotient, false) : (x - quotient * y, false)
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

  private func index(_ object: TemplateValue, _ key: TemplateValue) throws(EmberError) -> TemplateValue {
    switch (object, key) {
    case (.dictionary, .text(let name)), (.namespace, .text(let name)): return object.member(name)
    case (.list, .int(let place)), (.text, .int(let place)):
      let items = object.items ?? []
      let index = place < 0 ? place + items.count : place
      return items.indices.contains(index) ? items[index] : .undefined
    default: return .undefined
    }
  }

  private func slice(_ object: TemplateValue, _ start: Int?, _ end: Int?, _ step: Int) throws(EmberError) -> TemplateValue {
    guard let items = object.items, step == 1 || step == -1 else { throw bad("a range of something that has none, or with a step") }
    func place(_ bound: Int?, _ standard: Int) -> Int {
      guard let bound else { return standard }
      return Swift.min(Swift.max(bound < 0 ? bound + items.count : bound, 0), items.count)
    }
    var part: [TemplateValue]
    if step == 1 {
      let first = place(start, 0), last = place(end, items.count)
      part = first < last ? Array(items[first..<last]) : []
    } else {
      guard start == nil, end == nil else { throw bad("a range that runs backwards and has bounds") }
      part = items.reversed()
    }
    if case .text = object { return .text(part.map(\.string).joined()) }
    return .list(part)
  }

  private func call(_ name: String, _ arguments: [TemplateValue], _ options: [String: TemplateValue]) throws(EmberError) -> TemplateValue {
    switch name {
    case "raise_exception": throw EmberError(.value, in: "ChatTemplate", arguments.first?.string ?? "the template refuses the conversation")
    case "namespace":
      let namespace = TemplateNamespace()
      namespace.values = options
      return .namespace(namespace)
    case "dict": return .dictionary(options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    case "range":
      let bounds = arguments.compactMap { if case .int(let number) = $0 { number } else { nil } }
      guard bounds.count == arguments.count, (1...3).contains(bounds.count), bounds.count < 3 || bounds[2] != 0 else { throw bad("range of what is no number") }
      let start = bounds.count == 1 ? 0 : bounds[0], end = bounds.count == 1 ? bounds[0] : bounds[1]
      guard abs(Double(end) - Double(start)) < 1e5 else { throw bad("a range of more than 100,000 numbers") }
      return .list(stride(from: start, to: end, by: bounds.count == 3 ? bounds[2] : 1).map { .int($0) })
    case "strftime_now":
      var now = time(nil)
      var parts = tm()
      localtime_r(&now, &parts)
      var text = [CChar](repeating: 0, count: 256)
      let count = strftime(&text, text.count, arguments.first?.string ?? "%Y-%m-%d", &parts)
      return .text(String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self))
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

  private func method(_ object: TemplateValue, _ name: String, _ arguments: [TemplateValue]) throws(EmberError) -> TemplateValue {
    let first = arguments.first?.string
    switch (object, name) {
    case (.text(let text), "strip"): return .text(Self.stripped(text, of: first))
    case (.text(let text), "lstrip"): return .text(Self.stripped(text, right: false, of: first))
    case (.text(let text), "rstrip"): return .text(Self.stripped(text, left: false, of: first))
    case (.text(let text), "upper"): return .text(text.uppercased())
    case (.text(let text), "lower"): return .text(text.lowercased())
    case (.text, "title"), (.text, "capitalize"): return try filter(object, name, [], [:])
    case (.text(let text), "startswith"): return .bool(text.utf8.starts(with: (first ?? "").utf8))
    case (.text(let text), "endswith"): return .bool(text.utf8.reversed().starts(with: (first ?? "").utf8.reversed()))
    case (.text(let text), "replace") where arguments.count >= 2:
      return .text(Replace(pattern: .text(arguments[0].string), content: arguments[1].string).normalize(text))
    case (.text(let text), "split"):
      guard let first else { return .list(text.split(whereSeparator: \.isWhitespace).map { .text(String($0)) }) }
      var parts: [TemplateValue] = []
      var end = text.startIndex
      for match in TextPattern.text(first).matches(in: text) {
        parts.append(.text(String(text[end..<match.lowerBound])))
        end = match.upperBound
      }
      return .list(parts + [.text(String(text[end...]))])
    case (.text(let text), "join"): return .text((arguments.first?.items ?? []).map(\.string).joined(separator: text))
    case (.dictionary(let members), "items"): return .list(members.map { .list([.text($0.key), $0.value]) })
    case (.dictionary(let members), "keys"): return .list(members.map { .text($0.key) })
    case (.dictionary(let members), "values"): return .list(members.map(\.value))
    case (.dictionary, "get"):
      if case .undefined = object.member(first ?? "") { return arguments.count > 1 ? arguments[1] : .none }
      return object.member(first ?? "")
    default: throw bad("the method \(name) of \(object.json(indent: nil).prefix(40)) is not known")
    }
  }

  private func filter(
    _ input: TemplateValue, _ name: String, _ arguments: [TemplateValue], _ options: [String: TemplateValue]
  ) throws(EmberError) -> TemplateValue {
    switch name {
    case "trim": return .text(Self.stripped(input.string))
    case "upper": return .text(input.string.uppercased())
    case "lower": return .text(input.string.lowercased())
    case "capitalize": return .text(input.string.prefix(1).uppercased() + input.string.dropFirst().lowercased())
    case "title":
      return .text(input.string.split(separator: " ", omittingEmptySubsequences: false).map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: " "))
    case "string": return .text(input.string)
    case "safe", "e", "escape": return input
    case "int": return .int(input.number.flatMap { Int(exactly: $0.rounded(.towardZero)) } ?? Int(input.string) ?? 0)
    case "length", "count": return .int(input.items?.count ?? 0)
    case "list": return .list(input.items ?? [])
    case "first": return input.items?.first ?? .undefined
    case "last": return input.items?.last ?? .undefined
    case "reverse": return .list((input.items ?? []).reversed())
    case "join": return .text((input.items ?? []).map(\.string).joined(separator: arguments.first?.string ?? ""))
    case "default", "d":
      if case .undefined = input { return arguments.first ?? .text("") }
      let alsoFalse = arguments.count > 1 ? arguments[1].isTrue : options["boolean"]?.isTrue ?? false
      return alsoFalse && !input.isTrue ? arguments.first ?? .text("") : input
    case "replace" where arguments.count >= 2:
      return .text(Replace(pattern: .text(arguments[0].string), content: arguments[1].string).normalize(input.string))
    case "tojson":
      if case .int(let indent)? = options["indent"] ?? arguments.first, (0...16).contains(indent) { return .text(input.json(indent: indent)) }
      return .text(input.json(indent: nil))
    case "items": return try method(input, "items", [])
    case "map":
      guard let attribute = options["attribute"]?.string else { throw bad("a map without an attribute") }
      return .list((input.items ?? []).map { $0.member(attribute) })
    case "selectattr", "rejectattr":
      guard let attribute = arguments.first?.string else { throw bad("\(name) without an attribute") }
      var kept: [TemplateValue] = []
      for item in input.items ?? [] {
        let member = item.member(attribute)
        let holds = arguments.count > 1 ? try test(member, arguments[1].string, Array(arguments.dropFirst(2))) : member.isTrue
        if holds == (name == "selectattr") { kept.append(item) }
      }
      return .list(kept)
    default: throw bad("the filter \(name) is not known")
    }
  }

  private func test(_ input: TemplateValue, _ name: String, _ arguments: [TemplateValue]) throws(EmberError) -> Bool {
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
    case ("iterable", _): return input.items != nil
    case ("boolean", .bool): return true
    case ("boolean", _): return false
    case ("number", .int), ("number", .real), ("integer", .int), ("float", .real): return true
    case ("number", _), ("integer", _), ("float", _): return false
    case ("true", .bool(let value)): return value
    case ("false", .bool(let value)): return !value
    case ("true", _), ("false", _): return false
    case ("equalto", _), ("eq", _): return arguments.first.map { input.isEqual(to: $0) } ?? false
    case ("in", _): return arguments.first?.items?.contains { $0.isEqual(to: input) } ?? false
    default: throw bad("the test \(name) is not known")
    }
  }
}
