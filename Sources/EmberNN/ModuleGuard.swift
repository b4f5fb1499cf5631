import EmberTensor
import Synchronization

/// Whether a module is no more, for those who remember it without holding it.
final class ModuleLifetime: Sendable {
  private let ended = Atomic(false)
  var hasEnded: Bool { ended.load(ordering: .relaxed) }
  func end() { ended.store(true, ordering: .relaxed) }
}

/// What a graph that was captured with a module rests on: its mode, its layers, and that it is there.
///
/// A layer that takes another's place as a plain property leaves no trace in its owner. It is noticed by the old one's end, which is why the module
/// is not held; and by looking through the owner's properties, which is done only after some module was made since the last time.
private final class ModuleGuard: @unchecked Sendable {
  // A module belongs to one thread at a time, and so do its compiled functions.
  private unowned(unsafe) let module: Module
  private let lifetime: ModuleLifetime
  private let mode: Bool
  private let structureVersion: Int
  /// Held, so that no other comes to lie where one of them lay.
  private let children: [Module]
  private let seenCreations: Atomic<Int>

  init(_ module: Module) {
    self.module = module
    lifetime = module.observedLifetime
    mode = module.isTraining
    structureVersion = module.structureVersion
    children = module.namedChildren().map(\.module)
    seenCreations = Atomic(Module.creationCount)
  }

  var hasEnded: Bool { lifetime.hasEnded }

  var holds: Bool {
    if lifetime.hasEnded { return false }
    guard module.isTraining == mode, module.structureVersion == structureVersion else { return false }
    let creations = Module.creationCount
    if seenCreations.load(ordering: .relaxed) == creations { return true }
    guard module.namedChildren().elementsEqual(children, by: { $0.module === $1 }) else { return false }
    seenCreations.store(creations, ordering: .relaxed)
    return true
  }
}

extension Module {
  /// A graph that is being captured holds only as long as this module is there, stays in its mode and keeps its layers.
  final func noteModeAndStructure() {
    guard let tracer = Tracer.current else { return }
    let rests = ModuleGuard(self)
    tracer.addGuard(for: self, hasEnded: { rests.hasEnded }, { rests.holds })
  }
}
