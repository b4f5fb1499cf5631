import EmberRuntime

/// A message of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// `system`, `user` or `assistant`; a template may know more.
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// How a conversation becomes the text that a model was trained on: a Jinja template, as models bring it. It can compute with the messages, and
/// nothing else.
public struct ChatTemplate: Sendable {
  private let nodes: [TemplateNode]
  private let beginToken: String
  private let endToken: String

  /// - Parameters:
  ///   - source: the template; statements and expressions that Ember does not know are errors of kind `.unsupported`.
  ///   - beginToken, endToken: what it calls `bos_token` and `eos_token`.
  public init(_ source: String, beginToken: String = "", endToken: String = "") throws {
    var parser = try TemplateParser(source)
    nodes = try parser.parse()
    self.beginToken = beginToken
    self.endToken = endToken
  }

  /// `<|im_start|>role … <|im_end|>`, as many models have it.
  public static let chatML: ChatTemplate = {
    let source =
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
      + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    do { return try ChatTemplate(source) } catch { fatalError("\(error)") }
  }()

  /// The text of a conversation.
  ///
  /// - Parameter addsGenerationPrompt: whether it ends where an answer begins.
  /// - Throws: what the template refuses, as an error of kind `.value`.
  public func render(_ messages: [ChatMessage], addsGenerationPrompt: Bool = true) throws -> String {
    let list = TemplateValue(items: messages.map { TemplateValue(members: [("role", .text($0.role)), ("content", .text($0.content))]) })
    var run = TemplateRun(variables: [
      "messages": list, "add_generation_prompt": .bool(addsGenerationPrompt), "bos_token": .text(beginToken), "eos_token": .text(endToken),
      "tools": .none, "documents": .none,
    ])
    defer { run.finish() }
    try run.render(nodes)
    return run.output
  }
}

/// A value in a template.
indirect enum TemplateValue {
  case undefined
  case none
  case bool(Bool)
  case int(Int)
  case real(Double)
  case text(String)
  case list(TemplateList)
  case dictionary(TemplateDictionary)
  /// What `namespace()` makes: assignments to it are seen outside of loops.
  case namespace(TemplateNamespace)

  init(items: [TemplateValue]) { self = .list(TemplateList(items)) }
  init(members: [(key: String, value: TemplateValue)]) { self = .dictionary(TemplateDictionary(members)) }

  /// What an element of a list or dictionary weighs by itself, in characters.
  static let elementWeight = 32

  /// How many lists and dictionaries lie within one another. What is in a namespace does not count: nothing goes through it.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
    }
  }

  /// The UTF-8 bytes of all texts that it shows, with `elementWeight` for each element: what is in it twice counts twice.
  var weight: Int {
    switch self {
    case .text(let text): text.utf8.count
    case .list(let list): list.weight
    case .dictionary(let dictionary): dictionary.weight
    default: 0
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .real(let value): value != 0
    case .text(let value): !value.isEmpty
    case .list(let list): !list.items.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .namespace: true
    }
  }

  /// As it is printed.
  var string: String {
    switch self {
    case .undefined: ""
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .int(let value): "\(value)"
    case .real(let value): "\(value)"
    case .text(let value): value
    case .list, .dictionary, .namespace: json(indent: nil)
    }
  }

  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .real(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  func member(_ key: String) -> TemplateValue {
    switch self {
    case .dictionary(let dictionary): dictionary.members.first { $0.key == key }?.value ?? .undefined
    case .namespace(let namespace): namespace.values[key] ?? .undefined
    default: .undefined
    }
  }

  /// As `tojson` writes it.
  func json(indent: Int?, depth: Int = 0) -> String {
    func lines(_ parts: [String], _ open: String, _ close: String) -> String {
      if parts.isEmpty { return open + close }
      guard let indent else { return open + parts.joined(separator: ", ") + close }
      let inner = "\n" + String(repeating: " ", count: indent * (depth + 1))
      return open + inner + parts.joined(separator: "," + inner) + "\n" + String(repeating: " ", count: indent * depth) + close
    }
    switch self {
    case .undefined, .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .text(let value): return TemplateValue.quoted(value)
    case .list(let list): return lines(list.items.map { $0.json(indent: indent, depth: depth + 1) }, "[", "]")
    case .dictionary(let dictionary):
      let parts = dictionary.members.map { TemplateValue.quoted($0.key) + ": " + $0.value.json(indent: indent, depth: depth + 1) }
      return lines(parts, "{", "}")
    case .namespace: return "{}"
    case .int, .real: return string
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A list that knows its depth and weight.
struct TemplateList {
  let items: [TemplateValue]
  let depth, weight: Int

  init(_ items: [TemplateValue]) {
    self.items = items
    depth = 1 + items.reduce(0) { Swift.max($0, $1.depth) }
    weight = items.reduce(0) { Self.sum($0, $1.weight) }
  }

  /// With what an element weighs by itself; `Int.max` if that is too much for an Int.
  static func sum(_ total: Int, _ element: Int) -> Int {
    let (inner, isTooLarge) = element.addingReportingOverflow(TemplateValue.elementWeight)
    let (sum, overflows) = total.addingReportingOverflow(inner)
    return isTooLarge || overflows ? .max : sum
  }
}

/// A dictionary, in the order of its members, that knows its depth and weight.
struct TemplateDictionary {
  let members: [(key: String, value: TemplateValue)]
  let depth, weight: Int

  init(_ members: [(key: String, value: TemplateValue)]) {
    self.members = members
    depth = 1 + members.reduce(0) { Swift.max($0, $1.value.depth) }
    weight = members.reduce(0) { TemplateList.sum(TemplateList.sum($0, $1.key.utf8.count), $1.value.weight) }
  }
}

final class TemplateNamespace {
  var values: [String: TemplateValue] = [:]
}

/// A part of a template.
indirect enum TemplateNode: Sendable {
  case text(String)
  case output(TemplateExpression)
  case choice([(condition: TemplateExpression?, body: [TemplateNode])])
  case loop(names: [String], over: TemplateExpression, condition: TemplateExpression?, body: [TemplateNode], otherwise: [TemplateNode])
  case set(name: String, member: String?, TemplateExpression)
  case setBlock(name: String, [TemplateNode])
  case leave, proceed
}

indirect enum TemplateExpression: Sendable {
  case text(String), int(Int), real(Double), bool(Bool), none
  case name(String)
  case list([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case member(TemplateExpression, String)
  case index(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateExpression, [TemplateExpression], [(name: String, value: TemplateExpression)])
  case filter(TemplateExpression, String, [TemplateExpression], [(name: String, value: TemplateExpression)])
  case test(TemplateExpression, String, [TemplateExpression], isNegated: Bool)
  case negated(TemplateExpression)
  case minus(TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  case conditional(TemplateExpression, TemplateExpression, TemplateExpression?)
}
