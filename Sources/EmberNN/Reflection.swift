import EmberRuntime
import EmberTensor
import Synchronization

/// A property name as PyTorch would write it: `_inProjWeight` is `in_proj_weight`.
///
/// Names are the costly part of reflection and never change, so they are kept; what the properties hold is read anew each time.
func snakeCase(_ label: String) -> String {
  if let known = knownNames.withLock({ $0[label] }) { return known }
  let name = makeSnakeCase(label)
  knownNames.withLock { $0[label] = name }
  return name
}

private let knownNames = Mutex<[String: String]>([:])

private func makeSnakeCase(_ label: String) -> String {
  var name = Substring(label)
  if name.hasPrefix("$__lazy_storage_$_") { name = name.dropFirst("$__lazy_storage_$_".count) }
  while name.hasPrefix("_") || name.hasPrefix(".") { name = name.dropFirst() }
  var result = ""
  let characters = Array(name)
  for (i, character) in characters.enumerated() {
    guard character.isUppercase else {
      result.append(character)
      continue
    }
    // A run of capitals is one word, whose last letter begins the next word if a small one follows.
    let afterCapital = i > 0 && characters[i - 1].isUppercase
    let beforeSmall = i + 1 < characters.count && characters[i + 1].isLowercase
    if i > 0, characters[i - 1] != "_", !afterCapital || beforeSmall { result.append("_") }
    result += character.lowercased()
  }
  return result
}

/// A parameter or buffer with its name.
struct NamedCell {
  var name: String
  var cell: StateCell
  var isPersistent = true
}

/// What one module holds itself, in the order of declaration.
struct ModuleMembers {
  var parameters: [NamedCell] = []
  var buffers: [NamedCell] = []
  var children: [(name: String, module: Module)] = []
  /// Tensors that require gradients but are no `@Parameter`.
  var overlooked: [String] = []

  fileprivate mutating func add(_ value: Any, _ name: String) {
    switch value {
    case let parameter as Parameter:
      parameters.append(NamedCell(name: replacingLast(of: name, with: parameter.name), cell: parameter.projectedValue))
    case let buffer as Buffer:
      buffers.append(
        NamedCell(name: replacingLast(of: name, with: buffer.name), cell: buffer.projectedValue, isPersistent: buffer.isPersistent))
    case let cell as StateCell:
      if cell.isParameter { parameters.append(NamedCell(name: name, cell: cell)) } else { buffers.append(NamedCell(name: name, cell: cell)) }
    case let module as Module:
      children.append((name, module))
    case let tensor as Tensor:
      if tensor.requiresGrad { overlooked.append(name) }
    case is any BinaryInteger, is any BinaryFloatingPoint, is String, is Bool:
      return
    default:
      descend(value, name)
    }
  }

  private mutating func descend(_ value: Any, _ name: String) {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional:
      if let wrapped = mirror.children.first { add(wrapped.value, name) }
    case .collection, .set:
      if let first = mirror.children.first?.value, first is any BinaryInteger || first is any BinaryFloatingPoint || first is String {
        return
      }
      for (i, child) in mirror.children.enumerated() { add(child.value, "\(name).\(i)") }
    case .dictionary:
      var entries: [(key: String, value: Any)] = []
      for child in mirror.children {
        let pair = Array(Mirror(reflecting: child.value).children)
        if pair.count == 2 { entries.append(("\(pair[0].value)", pair[1].value)) }
      }
      for entry in entries.sorted(by: { $0.key < $1.key }) { add(entry.value, "\(name).\(entry.key)") }
    case .tuple, .struct:
      for child in mirror.children {
        if let label = child.label { add(child.value, "\(name).\(snakeCase(label))") }
      }
    case .enum:
      // Associated values count under the property's own name.
      for child in mirror.children { add(child.value, name) }
    default: return
    }
  }

  private func replacingLast(of path: String, with name: String?) -> String {
    guard let name else { return path }
    guard let dot = path.lastIndex(of: ".") else { return name }
    return path[...dot] + name
  }
}

extension Module {
  /// What the properties hold, parametrised values among them.
  final func reflected() -> ModuleMembers {
    var members = ModuleMembers()
    for (name, value) in reflectedMembers() { members.add(value, name) }
    return members
  }

  final func members() -> ModuleMembers {
    var members = reflected()
    // What is computed is no state of its own; what it is computed from is.
    members.parameters.removeAll { $0.cell.isDerived }
    members.buffers.removeAll { $0.cell.isDerived }
    if let parametrizations { members.children.append(("parametrizations", parametrizations)) }
    return members
  }

  /// The modules directly inside this one.
  public final func namedChildren() -> [(name: String, module: Module)] { members().children }

  /// Calls `body` for this module and all in it, outermost first. Shared modules come once, or once per name.
  final func walk(onceEach: Bool, _ body: (String, Module, ModuleMembers) -> Void) {
    var seen: Set<ObjectIdentifier> = []
    func visit(_ module: Module, _ name: String) {
      // Without `onceEach` the set holds the way from the root only, so that circles end.
      guard seen.insert(ObjectIdentifier(module)).inserted else { return }
      let members = module.members()
      body(name, module, members)
      for child in members.children { visit(child.module, name.isEmpty ? child.name : "\(name).\(child.name)") }
      if !onceEach { seen.remove(ObjectIdentifier(module)) }
    }
    visit(self, "")
  }

  /// This module (named "") and all in it, each once.
  public final func namedModules() -> [(name: String, module: Module)] {
    var result: [(name: String, module: Module)] = []
    walk(onceEach: true) { name, module, _ in result.append((name, module)) }
    return result
  }

  /// All modules in this one, itself first.
  public final func modules() -> [Module] { namedModules().map(\.module) }

  /// The parameters by dotted name, each once: a module's own before those of the modules in it, in the order of declaration.
  public final func namedParameters() -> [(name: String, parameter: StateCell)] {
    cells(\.parameters).map { ($0.name, $0.cell) }
  }

  /// The parameters, each once. What optimizers take.
  public final func parameters() -> [StateCell] { cells(\.parameters).map(\.cell) }

  /// The buffers by dotted name, each once.
  public final func namedBuffers() -> [(name: String, buffer: StateCell)] { cells(\.buffers).map { ($0.name, $0.cell) } }

  /// The buffers, each once.
  public final func buffers() -> [StateCell] { cells(\.buffers).map(\.cell) }

  /// The module of a dotted name, such as "layer1.0"; of "" this one. PyTorch's `get_submodule`.
  /// - Throws: an error that names the modules there are where the name leads no further.
  public final func module(named name: String) throws -> Module {
    var found: Module?
    walk(onceEach: false) { path, module, _ in if found == nil, path == name { found = module } }
    guard let found else { throw unknown("module", name) { $0.children.map(\.name) } }
    return found
  }

  /// The parameter of a dotted name, such as "layer1.0.weight". PyTorch's `get_parameter`.
  /// - Throws: an error that names the parameters there are where the name leads no further.
  public final func parameter(named name: String) throws -> StateCell {
    guard let cell = self.cell(named: name, \.parameters) else { throw unknown("parameter", name) { $0.parameters.map(\.name) } }
    return cell
  }

  /// The buffer of a dotted name, such as "bn1.running_mean". PyTorch's `get_buffer`.
  /// - Throws: an error that names the buffers there are where the name leads no further.
  public final func buffer(named name: String) throws -> StateCell {
    guard let cell = self.cell(named: name, \.buffers) else { throw unknown("buffer", name) { $0.buffers.map(\.name) } }
    return cell
  }

  private final func cell(named name: String, _ kind: KeyPath<ModuleMembers, [NamedCell]>) -> StateCell? {
    var found: StateCell?
    walk(onceEach: false) { path, _, members in
      if found != nil || !path.isEmpty && !name.hasPrefix("\(path).") { return }
      let own = path.isEmpty ? name[...] : name.dropFirst(path.count + 1)
      found = members[keyPath: kind].first { $0.name == own }?.cell
    }
    return found
  }

  /// An error for a name that nothing has: which members the last module has that the name leads to.
  private final func unknown(_ kind: String, _ name: String, _ names: (ModuleMembers) -> [String]) -> EmberError {
    var nearest = (path: "", type: "\(Swift.type(of: self))", names: names(members()))
    walk(onceEach: false) { path, module, members in
      if path.count > nearest.path.count, name == path || name.hasPrefix("\(path).") {
        nearest = (path, "\(Swift.type(of: module))", names(members))
      }
    }
    let owner = nearest.type + (nearest.path.isEmpty ? "" : " \"\(nearest.path)\"")
    let present = nearest.names.isEmpty ? "no \(kind) of its own" : nearest.names.joined(separator: ", ")
    return EmberError(.value, in: "\(Swift.type(of: self))", "there is no \(kind) \"\(name)\"; \(owner) has \(present)")
  }

  /// Names of tensors that require gradients but are stored without `@Parameter`, and so are neither trained nor saved.
  public final func overlookedTensors() -> [String] {
    var result: [String] = []
    walk(onceEach: true) { prefix, _, members in result += members.overlooked.map { prefix.isEmpty ? $0 : "\(prefix).\($0)" } }
    return result
  }

  private final func cells(_ kind: KeyPath<ModuleMembers, [NamedCell]>) -> [NamedCell] {
    var seen: Set<ObjectIdentifier> = []
    var result: [NamedCell] = []
    walk(onceEach: true) { prefix, _, members in
      for entry in members[keyPath: kind] where seen.insert(ObjectIdentifier(entry.cell)).inserted {
        var named = entry
        if !prefix.isEmpty { named.name = "\(prefix).\(entry.name)" }
        result.append(named)
      }
    }
    return result
  }

  /// Parameters and persistent buffers under every name they have.
  final func stateCells() -> [NamedCell] {
    var result: [NamedCell] = []
    walk(onceEach: false) { prefix, _, members in
      for entry in members.parameters + members.buffers where entry.isPersistent {
        var named = entry
        if !prefix.isEmpty { named.name = "\(prefix).\(entry.name)" }
        result.append(named)
      }
    }
    return result
  }
}
