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
    let list = messages.map { TemplateValue.dictionary([("role", .text($0.role)), ("content", .text($0.content))]) }
    var run = TemplateRun(variables: [
      "messages": .list(list), "add_generation_prompt": .bool(addsGenerationPrompt), "bos_token": .text(beginToken), "eos_token": .text(endToken),
      "tools": .none, "documents": .none,
    ])
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
  case list([TemplateValue])
  case dictionary([(key: String, value: TemplateValue)])
  /// What `namespace()` makes: assignments to it are seen outside of loops.
  case namespace(TemplateNamespace)

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .real(let value): value != 0
    case .text(let value): !value.isEmpty
    case .list(let values): !values.isEmpty
    case .dictionary(let members): !members.isEmpty
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

  func isEqual(to other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.none, .none), (.undefined, .undefined): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.text(let a), .text(let b)): return a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.isEqual(to: $1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.count == b.count && a.allSatisfy { member in b.contains { $0.key == member.key && $0.value.isEqual(to: member.value) } }
    default:
      if let a = number, let b = other.number { return a == b }
      return false
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

  var items: [TemplateValue]? {
    switch self {
    case .list(let values): values
    case .dictionary(let members): members.map { .text($0.key) }
    case .text(let text): text.unicodeScalars.map { .text(String(Character($0))) }
    case .undefined: []
    default: nil
    }
  }

  func member(_ key: String) -> TemplateValue {
    switch self {
    case .dictionary(let members): members.first { $0.key == key }?.value ?? .undefined
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
    case .list(let values): return lines(values.map { $0.json(indent: indent, depth: depth + 1) }, "[", "]")
    case .dictionary(let members):
      return lines(members.map { TemplateValue.quoted($0.key) + ": " + $0.value.json(indent: indent, depth: depth + 1) }, "{", "}")
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
