import CEmber
import EmberRuntime
import EmberTensor

@implementation @c public func ember_manual_seed(_ seed: UInt64) -> ember_status {
  call("ember_manual_seed") { try catchingErrors { manualSeed(seed) } }
}

@implementation @c public func ember_random_generator_create(
  _ seed: UInt64, _ device: ember_device, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_random_generator_create", out) {
    let device = try EmberC.device(device)
    // A generator for a device that is not there would be one of the CPU's.
    _ = try Backends.backend(for: device)
    return try handle(of: Generator(seed: seed, device: device))
  }
}

@implementation @c public func ember_random_generator_seed(_ generator: OpaquePointer?, _ seed: UInt64) -> ember_status {
  call("ember_random_generator_seed") { try EmberC.generator(generator).seed(seed) }
}

@implementation @c public func ember_random_generator_state(
  _ generator: OpaquePointer?, _ state: UnsafeMutableRawPointer?, _ capacity: Int, _ byte_count: UnsafeMutablePointer<Int>?
) -> ember_status {
  call("ember_random_generator_state") {
    let bytes = try EmberC.generator(generator).state, byte_count = try required(byte_count, "byte_count")
    if let state {
      guard bytes.count <= capacity else { throw FaceError(.count, "the state takes \(bytes.count) bytes; there is room for \(capacity)") }
      bytes.withUnsafeBytes { state.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    byte_count.pointee = bytes.count
  }
}

@implementation @c public func ember_random_generator_set_state(
  _ generator: OpaquePointer?, _ state: UnsafeRawPointer?, _ byte_count: Int
) -> ember_status {
  call("ember_random_generator_set_state") {
    let bytes = try list(state?.assumingMemoryBound(to: UInt8.self), byte_count, "state")
    guard try EmberC.generator(generator).restore(Array(bytes)) else {
      throw FaceError(.value, "\(byte_count) bytes that are no state of such a generator")
    }
  }
}

@implementation @c public func ember_random_generator_retain(_ generator: OpaquePointer?) -> ember_status {
  call("ember_random_generator_retain") { try HandleTable.shared.retain(generator, .generator) }
}

@implementation @c public func ember_random_generator_release(_ generator: OpaquePointer?) -> ember_status {
  call("ember_random_generator_release") { if generator != nil { try HandleTable.shared.release(generator, .generator) } }
}
