import EmberTensor
import Synchronization

/// What a graph that was captured with a module rests on: its mode and its layers.
///
/// A layer that takes another's place as a plain property leaves no trace in its owner. So the owner's properties are looked through again, but only after
/// some module was made since the last time: layers that were there when the graph was captured may change places unnoticed.
private final class ModuleGuard: @unchecked Sendable {
  private let module: Module
  private let mode: Bool
  private let structureVersion: Int
  /// As the captured call left them.
  private var children: [Module] = []
  private let seenCreations = Atomic(0)

  init(_ module: Module) {
    self.module = module
    mode = module.isTraining
    structureVersion = module.structureVersion
  }

  /// At the end of the capture, before anybody asks whether the guard holds: a function may put a layer in place itself.
  func settle() {
    seenCreations.store(Module.creationCount, ordering: .relaxed)
    children = module.namedChildren().map(\.module)
  }

  var holds: Bool {
    guard module.isTraining == mode, module.structureVersion == structureVersion else { return false }
    let creations = Module.creationCount
    if seenCreations.load(ordering: .relaxed) == creations { return true }
    guard module.namedChildren().elementsEqual(children, by: { $0.module === $1 }) else { return false }
    seenCreations.store(creations, ordering: .relaxed)
    return true
  }
}

extension Module {
  /// A graph that is being captured holds only as long as this module stays in its mode and keeps its layers.
  final func noteModeAndStructure() {
    guard let tracer = Tracer.current else { return }
    tracer.addGuard(for: self) {
      let own = ModuleGuard(self)
      tracer.atEnd { own.settle() }
      return { own.holds }
    }
  }
}
