import EmberTensor

/// What a module and those in it hold beside parameters and buffers, before a call that is captured as a graph. Such a call runs on values without
/// numbers, which must not stay behind: a graph says nothing of attributes, and the module would be of no use afterwards.
struct AttributeSnapshot {
  private var objects: [(object: ScriptObject, path: String, slots: [ScriptValue?])] = []
  private var lists: [(list: ScriptList, path: String, items: [ScriptValue])] = []
  private var dictionaries: [(dictionary: ScriptDictionary, path: String, pairs: [(key: ScriptValue, value: ScriptValue)])] = []
  private var memories: [(memory: TensorMemory, path: String, state: TensorMemory.State)] = []

  init(of root: ScriptObject) {
    var seen: Set<ObjectIdentifier> = []
    var waiting: [(value: ScriptValue, path: String)] = [(.object(root), "")]
    while let (value, path) = waiting.popLast() {
      switch value {
      case .object(let object):
        guard seen.insert(ObjectIdentifier(object)).inserted else { continue }
        objects.append((object, path, object.slots))
        for (name, slot) in zip(object.type.attributeNames, object.slots) {
          if let slot { waiting.append((slot, path.isEmpty ? name : "\(path).\(name)")) }
        }
      case .list(let list):
        guard seen.insert(ObjectIdentifier(list)).inserted else { continue }
        lists.append((list, path, list.items))
        waiting += list.items.map { ($0, path) }
      case .dictionary(let dictionary):
        guard seen.insert(ObjectIdentifier(dictionary)).inserted else { continue }
        dictionaries.append((dictionary, path, dictionary.pairs))
        waiting += dictionary.pairs.map { ($0.value, path) }
      case .tuple(let tuple): waiting += tuple.items.map { ($0, path) }
      case .tensor(let reference):
        guard seen.insert(ObjectIdentifier(reference.memory)).inserted else { continue }
        memories.append((reference.memory, path, reference.memory.state))
      default: continue
      }
    }
  }

  /// Puts everything back.
  ///
  /// - Returns: the way to an attribute that the call had given a value of the graph, if there was one.
  func restore() throws -> String? {
    var changed: String?
    var seen: Set<ObjectIdentifier> = []
    func look(_ value: ScriptValue?, _ path: String) {
      if changed == nil, let value, Self.isSymbolic(value, &seen) { changed = path }
    }
    for (object, path, slots) in objects {
      for (name, slot) in zip(object.type.attributeNames, object.slots) { look(slot, path.isEmpty ? name : "\(path).\(name)") }
      object.restore(slots)
    }
    for (list, path, items) in lists {
      for item in list.items { look(item, path) }
      list.rearrange { $0 = items }
    }
    for (dictionary, path, pairs) in dictionaries {
      for pair in dictionary.pairs { look(pair.value, path) }
      dictionary.removeAll()
      for pair in pairs { try dictionary.set(pair.key, pair.value) }
    }
    for (memory, path, state) in memories {
      if state.cell == nil, changed == nil, memory.value.isSymbolic { changed = path }
      memory.restore(state)
    }
    return changed
  }

  /// Whether a value is, or holds, one of a graph. Parameters and buffers are read from their cells, whose writes a graph knows.
  ///
  /// - Parameter seen: what was looked into; lists that hold each other many times are looked into once.
  private static func isSymbolic(_ value: ScriptValue, _ seen: inout Set<ObjectIdentifier>, depth: Int = 0) -> Bool {
    guard depth < recursionLimit else { return false }
    switch value {
    case .tensor(let reference): return reference.memory.cell == nil && reference.memory.value.isSymbolic
    case .list(let list):
      return seen.insert(ObjectIdentifier(list)).inserted && list.items.contains { isSymbolic($0, &seen, depth: depth + 1) }
    case .tuple: return value.items!.contains { isSymbolic($0, &seen, depth: depth + 1) }
    case .dictionary(let dictionary):
      return seen.insert(ObjectIdentifier(dictionary)).inserted
        && dictionary.pairs.contains { isSymbolic($0.value, &seen, depth: depth + 1) }
    default: return false
    }
  }
}
