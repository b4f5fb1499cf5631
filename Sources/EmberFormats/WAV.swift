import EmberRuntime
public import EmberTensor

/// A recording.
public struct Sound: Sendable {
  /// Samples per second and channel.
  public let sampleRate: Int
  /// [channels, samples] in float32, integers scaled to -1 ..< 1.
  public let samples: Tensor
  /// How the samples were stored: `16-bit integers`.
  public let encoding: String

  public init(sampleRate: Int, samples: Tensor, encoding: String = "float32") {
    self.sampleRate = sampleRate
    self.samples = samples
    self.encoding = encoding
  }

  /// The mean of all channels, [samples].
  public var mono: Tensor { samples.size(0) == 1 ? samples.squeeze(0) : samples.mean(0) }
}

/// Reads and writes WAV files: integers of 8, 16, 24 and 32 bits, floating-point numbers of 32 and 64 bits. Errors are of kind `.file`.
///
/// Integers are divided by the power of two that is just out of their reach (2^15 for 16 bits), as soundfile and torchaudio do it.
public enum WAV {
  /// Loads a recording.
  public static func load(_ path: String) throws -> Sound {
    let contents = try FileBytes.mapping(path, in: "wav")
    return try contents.withBytes { try parse($0, source: path) }
  }

  private enum Encoding {
    case unsigned8, signed(bytes: Int), float, double

    var bytes: Int {
      switch self {
      case .unsigned8: 1
      case .signed(let bytes): bytes
      case .float: 4
      case .double: 8
      }
    }

    var name: String {
      switch self {
      case .unsigned8: "8-bit integers"
      case .signed(let bytes): "\(bytes * 8)-bit integers"
      case .float: "float32"
      case .double: "float64"
      }
    }
  }

  /// The recording in the bytes of a file.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data") throws -> Sound {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "wav", "\(source): \(message)") }
    guard bytes.count >= 12, bytes.slice(0, 4).elementsEqual("RIFF".utf8), bytes.slice(8, 4).elementsEqual("WAVE".utf8) else {
      throw bad("not a WAV file: it does not begin with RIFF and WAVE")
    }
    var format: (encoding: Encoding, channels: Int, rate: Int)?
    var position = 12
    while bytes.count - position >= 8 {
      let kind = bytes.slice(position, 4)
      let size = Int(bytes.little(position + 4, as: UInt32.self))
      position += 8
      let isData = kind.elementsEqual("data".utf8)
      // Programs that write into a pipe do not know the length and claim the largest.
      let isOpenEnded = isData && size >= 0x7FFF_F000
      guard size <= bytes.count - position || isOpenEnded else {
        throw bad("truncated: a part of \(size) bytes, of which \(bytes.count - position) are there")
      }
      let chunk = bytes.slice(position, Swift.min(size, bytes.count - position))
      if kind.elementsEqual("fmt ".utf8) {
        format = try self.format(chunk, bad)
      } else if isData {
        guard let format else { throw bad("samples come before their format") }
        return try sound(chunk, format, isOpenEnded: isOpenEnded, bad)
      }
      position += Swift.min(chunk.count + size % 2, bytes.count - position)
    }
    throw bad("truncated: no samples")
  }

  private static func format(_ chunk: UnsafeRawBufferPointer, _ bad: (String) -> EmberError) throws -> (Encoding, channels: Int, rate: Int)
  {
    guard chunk.count >= 16 else { throw bad("a format of \(chunk.count) bytes; at least 16 are needed") }
    var tag = chunk.little(0, as: UInt16.self)
    let channels = Int(chunk.little(2, as: UInt16.self))
    let rate = Int(chunk.little(4, as: UInt32.self))
    let frame = Int(chunk.little(12, as: UInt16.self))
    let bits = Int(chunk.little(14, as: UInt16.self))
    // The extensible form has the tag at the beginning of an identifier.
    if tag == 0xFFFE, chunk.count >= 40 { tag = chunk.little(24, as: UInt16.self) }
    let encoding: Encoding
    switch (tag, bits) {
    case (1, 8): encoding = .unsigned8
    case (1, 16), (1, 24), (1, 32): encoding = .signed(bytes: bits / 8)
    case (3, 32): encoding = .float
    case (3, 64): encoding = .double
    default:
      throw bad("samples of format \(tag) with \(bits) bits; integers of 8, 16, 24 and 32 bits and floating-point numbers are read")
    }
    guard channels > 0, rate > 0, frame == channels * encoding.bytes else {
      throw bad("\(channels) channels of \(encoding.name) at \(rate) Hz in frames of \(frame) bytes")
    }
    return (encoding, channels, rate)
  }

  private static func sound(
    _ data: UnsafeRawBufferPointer, _ format: (encoding: Encoding, channels: Int, rate: Int), isOpenEnded: Bool,
    _ bad: (String) -> EmberError
  ) throws -> Sound {
    let channels = format.channels
    let size = format.encoding.bytes
    let frame = channels * size
    guard data.count % frame == 0 || isOpenEnded else { throw bad("\(data.count) bytes of samples, no whole number of frames of \(frame)") }
    let count = data.count / frame
    let values = [Float](unsafeUninitializedCapacity: count * channels) { buffer, initialized in
      // Channel after channel, as the tensor has them; the file has them frame by frame.
      func fill(_ value: (Int) -> Float) {
        for channel in 0..<channels {
          for i in 0..<count { buffer[channel * count + i] = value((i * channels + channel) * size) }
        }
      }
      switch format.encoding {
      case .unsigned8: fill { Float(Int(data[$0]) - 128) * 0x1p-7 }
      case .signed(2): fill { Float(data.little($0, as: Int16.self)) * 0x1p-15 }
      case .signed(3):
        fill {
          let low = UInt32(data.little($0, as: UInt16.self))
          let high = UInt32(data[$0 + 2])
          return Float(Int32(bitPattern: (low | high << 16) << 8)) * 0x1p-31
        }
      case .signed: fill { Float(data.little($0, as: Int32.self)) * 0x1p-31 }
      case .float: fill { Float(bitPattern: data.little($0, as: UInt32.self)) }
      case .double: fill { Float(Double(bitPattern: data.little($0, as: UInt64.self))) }
      }
      initialized = count * channels
    }
    let samples = try catchingErrors { Tensor(values, shape: [channels, count]) }
    return Sound(sampleRate: format.rate, samples: samples, encoding: format.encoding.name)
  }

  /// Writes samples [channels, samples] or [samples] as 16-bit integers or float32, atomically. Integers are clipped to -1 ... 1.
  public static func save(_ samples: Tensor, sampleRate: Int, to path: String, asFloat: Bool = false) throws {
    func bad(_ message: String) -> EmberError { EmberError(.value, in: "wav", "\(path): \(message)") }
    guard samples.rank == 1 || samples.rank == 2, samples.dtype.isFloatingPoint else {
      throw bad("samples \(samples.dtype)\(samples.shape); they must be floating-point numbers of [channels, samples] or [samples]")
    }
    let channels = samples.rank == 1 ? 1 : samples.size(0)
    let count = samples.size(-1)
    let size = asFloat ? 4 : 2
    guard channels > 0, channels < 1 << 13, sampleRate > 0, let rate = UInt32(exactly: sampleRate), count < (1 << 31) / (channels * size)
    else {
      throw bad("\(channels) channels of \(count) samples at \(sampleRate) Hz do not fit a WAV file")
    }
    let values = try samples.elementsOrThrow(as: Float.self)
    var body: [UInt8] = []
    body.reserveCapacity(count * channels * size + 64)
    func put(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { body.append(contentsOf: $0) } }
    let dataBytes = count * channels * size
    body += Array("RIFF".utf8)
    put(UInt32(36 + dataBytes))
    body += Array("WAVEfmt ".utf8)
    put(16 as UInt32)
    put(UInt16(asFloat ? 3 : 1))
    put(UInt16(channels))
    put(rate)
    put(UInt32(truncatingIfNeeded: sampleRate * channels * size))
    put(UInt16(channels * size))
    put(UInt16(size * 8))
    body += Array("data".utf8)
    put(UInt32(dataBytes))
    for i in 0..<count {
      for channel in 0..<channels {
        let value = values[channel * count + i]
        if asFloat {
          put(value.bitPattern)
        } else {
          put(Int16(Swift.min(Swift.max((value * 32768).rounded(.toNearestOrEven), -32768), 32767)))
        }
      }
    }
    try AtomicFile.write(to: path, in: "wav") { file in try file.append(body) }
  }
}
