import CEmberFormats
import EmberRuntime
import Glibc

/// Bytes that somebody owns: a mapped file, a file read into memory, or the output of a decompressor.
public final class FileBytes: @unchecked Sendable {
  private enum Owner { case mapping, heap }

  private let start: UnsafeMutableRawPointer?
  public let count: Int
  private let owner: Owner

  private init(start: UnsafeMutableRawPointer?, count: Int, owner: Owner) {
    self.start = start
    self.count = count
    self.owner = owner
  }

  /// Takes over memory from `malloc`.
  init(takingOver start: UnsafeMutableRawPointer?, count: Int) {
    self.start = start
    self.count = count
    owner = .heap
  }

  /// A copy of bytes.
  package convenience init(copying bytes: UnsafeRawBufferPointer, in operation: String) throws {
    guard let memory = malloc(Swift.max(bytes.count, 1)) else {
      throw EmberError(.memory, in: operation, "no memory for \(bytes.count) bytes")
    }
    if let start = bytes.baseAddress { memory.copyMemory(from: start, byteCount: bytes.count) }
    self.init(takingOver: memory, count: bytes.count)
  }

  deinit {
    guard let start else { return }
    switch owner {
    case .mapping: munmap(start, count)
    case .heap: free(start)
    }
  }

  /// Hands the bytes to `body`. They are gone when this object is: a pointer that leaves `body` must come with something that holds it.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: start, count: count)) }
  }

  /// The contents of a regular file, read into memory.
  public static func reading(_ path: String, in operation: String, limit: Int = 1 << 40) throws -> FileBytes {
    let (descriptor, size) = try open(path, in: operation, limit: limit)
    defer { close(descriptor) }
    if size == 0 { return FileBytes(start: nil, count: 0, owner: .heap) }
    guard let memory = malloc(size) else { throw EmberError(.memory, in: operation, "\(path): no memory for its \(size) bytes") }
    let contents = FileBytes(takingOver: memory, count: size)
    var position = 0
    while position < size {
      let got = Glibc.read(descriptor, memory + position, Swift.min(size - position, 1 << 30))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        let why = got < 0 ? errorText() : "the file became shorter while it was read"
        throw EmberError(.file, in: operation, "\(path): \(why)")
      }
      position += got
    }
    return contents
  }

  /// A regular file mapped into memory, read-only. Whoever shortens a mapped file kills its readers: replace files instead of
  /// rewriting them, as `AtomicFile` does.
  public static func mapping(_ path: String, in operation: String) throws -> FileBytes {
    let (descriptor, size) = try open(path, in: operation, limit: Int.max)
    defer { close(descriptor) }
    if size == 0 { return FileBytes(start: nil, count: 0, owner: .heap) }
    guard let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
      throw EmberError(.file, in: operation, "\(path): \(errorText())")
    }
    return FileBytes(start: memory, count: size, owner: .mapping)
  }

  private static func open(_ path: String, in operation: String, limit: Int) throws -> (Int32, Int) {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw EmberError(.file, in: operation, "\(path): \(errorText())") }
    var status = stat()
    var problem: String?
    if fstat(descriptor, &status) != 0 {
      problem = errorText()
    } else if status.st_mode & S_IFMT != S_IFREG {
      problem = status.st_mode & S_IFMT == S_IFDIR ? "it is a folder, not a file" : "it is not a regular file"
    } else if status.st_size > limit {
      problem = "it has \(status.st_size) bytes; at most \(limit) are read"
    }
    if let problem {
      close(descriptor)
      throw EmberError(.file, in: operation, "\(path): \(problem)")
    }
    return (descriptor, Int(status.st_size))
  }
}

/// What the last failed system call complains about.
func errorText() -> String { String(cString: strerror(errno)) }

// MARK: - Compression

/// zlib, loaded when first used.
public enum Compression {
  public enum Wrap: Int32, Sendable { case raw = 0, zlib = 1, gzip = 2 }

  /// Inflates all of `bytes` into at most `limit` bytes. `source` names the input in errors.
  ///
  /// - Parameter allowsRest: whether more bytes may follow the compressed stream.
  public static func inflate(
    _ bytes: UnsafeRawBufferPointer, _ wrap: Wrap, limit: Int, allowsRest: Bool = false, source: String, in operation: String
  ) throws -> FileBytes {
    var output: UnsafeMutablePointer<UInt8>?
    var count = 0
    let input = bytes.bindMemory(to: UInt8.self)
    let status = ember_inflate(input.baseAddress, input.count, wrap.rawValue, Swift.max(limit, 0), allowsRest ? 1 : 0, &output, &count)
    try check(Int(status), limit: limit, source: source, in: operation)
    return FileBytes(takingOver: output.map { UnsafeMutableRawPointer($0) }, count: count)
  }

  /// Deflates all of `bytes`.
  public static func deflate(_ bytes: UnsafeRawBufferPointer, _ wrap: Wrap, level: Int = 6, in operation: String) throws -> FileBytes {
    var output: UnsafeMutablePointer<UInt8>?
    var count = 0
    let input = bytes.bindMemory(to: UInt8.self)
    let status = ember_deflate(input.baseAddress, input.count, wrap.rawValue, Int32(Swift.min(Swift.max(level, 0), 9)), &output, &count)
    try check(Int(status), limit: Int.max, source: "deflate", in: operation)
    return FileBytes(takingOver: output.map { UnsafeMutableRawPointer($0) }, count: count)
  }

  /// CRC-32 as zip and gzip use it.
  public static func crc32(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return crc }
    return ember_crc32(crc, start, bytes.count)
  }

  private static func check(_ status: Int, limit: Int, source: String, in operation: String) throws {
    switch status {
    case EMBER_FORMATS_OK: return
    case EMBER_FORMATS_MISSING:
      let why = String(cString: ember_zlib_error())
      throw EmberError(.unsupported, in: operation, "\(source): zlib is needed (package zlib1g), but could not be loaded: \(why)")
    case EMBER_FORMATS_TRUNCATED: throw EmberError(.file, in: operation, "\(source): truncated: the compressed data end early")
    case EMBER_FORMATS_FULL: throw EmberError(.file, in: operation, "\(source): inflates to more than the \(limit) bytes allowed")
    case EMBER_FORMATS_MEMORY: throw EmberError(.memory, in: operation, "\(source): no memory for the data")
    default: throw EmberError(.file, in: operation, "\(source): the compressed data are corrupt")
    }
  }
}

// MARK: - Tensors over bytes

extension UnsafeRawBufferPointer {
  /// A number from little-endian bytes; the caller has checked the bounds.
  func little<Number: FixedWidthInteger>(_ position: Int, as type: Number.Type) -> Number {
    Number(littleEndian: loadUnaligned(fromByteOffset: position, as: Number.self))
  }

  func big<Number: FixedWidthInteger>(_ position: Int, as type: Number.Type) -> Number {
    Number(bigEndian: loadUnaligned(fromByteOffset: position, as: Number.self))
  }

  func slice(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[start..<start + count]) }
}

/// Number of bytes of a shape from a file, or nil if it cannot be a tensor's.
package func byteCount(_ extents: [Int], _ dtype: DType) -> Int? {
  guard extents.count <= maximumRank else { return nil }
  var count = dtype.size
  var bound = dtype.size
  for extent in extents {
    guard extent >= 0 else { return nil }
    let (next, overflow) = bound.multipliedReportingOverflow(by: Swift.max(extent, 1))
    if overflow || next > 1 << 56 { return nil }
    bound = next
    count *= extent
  }
  return count
}

/// Refuses bytes that are no Booleans.
func checkBooleans(_ bytes: UnsafeRawBufferPointer, source: String, in operation: String) throws {
  if let position = bytes.firstIndex(where: { $0 > 1 }) {
    throw EmberError(.file, in: operation, "\(source): element \(position) of a bool array is \(bytes[position]); only 0 and 1 are allowed")
  }
}

/// A copy with the bytes of every unit reversed.
func swappingBytes(_ bytes: UnsafeRawBufferPointer, unit: Int) -> [UInt8] {
  var result = [UInt8](bytes)
  guard unit > 1 else { return result }
  var start = 0
  while start + unit <= result.count {
    result[start..<start + unit].reverse()
    start += unit
  }
  return result
}
