import EmberFormats
import EmberRuntime
import EmberTensor
import EmberVision
import Glibc
import TestSupport
import Testing

@Suite struct FormatTests {
  let folder = TemporaryFolder()

  /// Small tensors of every type that a format can hold.
  func samples(_ dtypes: [DType]) -> [(String, Tensor)] {
    dtypes.map { dtype in
      let raw = (0..<6 * dtype.size).map { dtype == .bool ? UInt8($0 % 2) : UInt8(truncatingIfNeeded: $0 * 37 + 1) }
      return (dtype.name, raw.withUnsafeBytes { Tensor(bytes: $0, shape: [2, 3], dtype: dtype) })
    }
  }

  @Test func safetensorsRoundTrip() throws {
    let unsupported: Set<DType> = [.complex128, .complex32]
    var tensors = samples(DType.allCases.filter { !unsupported.contains($0) })
    tensors.append(("scalar \"quoted\" ✓", Tensor([2.5], shape: [])))
    tensors.append(("empty", Tensor([Float](), shape: [0, 3])))
    let path = folder.file("a.safetensors")
    try Safetensors.save(tensors, to: path, metadata: ["note": "line\nbreak"])
    for mapped in [true, false] {
      let file = try Safetensors.load(path, mapped: mapped)
      #expect(file.names == tensors.map(\.0))
      #expect(file.metadata == ["note": "line\nbreak"])
      for (name, tensor) in tensors {
        let read = try #require(file[name])
        #expect(read.shape == tensor.shape && read.dtype == tensor.dtype)
        #expect(try bytes(read) == bytes(tensor), "\(name)")
      }
    }
    #expect(folder.names == ["a.safetensors"])
  }

  @Test func safetensorsRefusesDamage() throws {
    let path = folder.file("a.safetensors")
    try Safetensors.save([("a", Tensor([1, 2, 3])), ("b", Tensor([true, false]))], to: path, metadata: ["k": "v"])
    checkDamaged(try contents(path)) { _ = try Safetensors.parse($0) }
  }

  @Test(arguments: [
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"X32","shape":[2],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#,
    // Two names that Swift takes for one.
    #"{"\u00e9":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"e\u0301":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["#,
  ]) func safetensorsRefusesHeader(_ header: String) {
    var file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    file += Array(header.utf8) + [0, 0, 0, 0, 0, 0, 0, 0]
    #expect(throws: EmberError.self) { try file.withUnsafeBytes { _ = try Safetensors.parse($0) } }
  }

  @Test func npyRoundTrip() throws {
    let dtypes: [DType] = [
      .bool, .uint8, .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64, .complex64, .complex128, .uint16, .uint32,
      .uint64,
    ]
    for (name, tensor) in samples(dtypes) {
      let path = folder.file("a.npy")
      try NPY.save(tensor, to: path)
      let read = try NPY.load(path)
      #expect(read.shape == tensor.shape && read.dtype == tensor.dtype, "\(name)")
      #expect(try bytes(read) == bytes(tensor), "\(name)")
    }
    #expect(throws: EmberError.self) { try NPY.save(Tensor.empty([1], dtype: .float8e5m2), to: folder.file("b.npy")) }
    #expect(folder.names == ["a.npy"])
  }

  /// As NumPy writes it: column-major, big-endian.
  @Test func npyForeignOrders() throws {
    func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
    }
    let fortran = file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", [1, 4, 2, 5, 3, 6])
    let big = file("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n", [1, 2, 0xFF, 0xFE])
    #expect(try fortran.withUnsafeBytes { try NPY.parse($0).elementsOrThrow(as: UInt8.self) } == [1, 2, 3, 4, 5, 6])
    #expect(try big.withUnsafeBytes { try NPY.parse($0).elementsOrThrow(as: Int16.self) } == [0x0102, -2])
    checkDamaged(fortran) { _ = try NPY.parse($0) }
  }

  @Test(arguments: [false, true]) func npzRoundTrip(compressed: Bool) throws {
    let tensors = [("a", Tensor([1.5, 2, 3])), ("b", Tensor([[1, 2], [3, 4]])), ("c", Tensor([Float](repeating: 0, count: 5000)))]
    let path = folder.file("a.npz")
    try NPZ.save(tensors, to: path, compressed: compressed)
    let read = try NPZ.load(path)
    #expect(read.map(\.name) == ["a", "b", "c"])
    for (entry, tensor) in zip(read, tensors) { #expect(try bytes(entry.tensor) == bytes(tensor.1)) }
    #expect(throws: EmberError.self) { _ = try NPZ.load(path, limit: 10_000) }
    try NPZ.save([tensors[0]], to: path, compressed: compressed)
    checkDamaged(try contents(path)) { _ = try NPZ.parse($0) }
  }

  @Test func idx() throws {
    let plain: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]
    let path = folder.file("a.idx")
    try write(plain, to: path)
    let tensor = try IDX.load(path)
    #expect(tensor.shape == [2, 3] && tensor.dtype == .uint8)
    #expect(try bytes(tensor) == [1, 2, 3, 4, 5, 6])
    checkDamaged(plain) { _ = try IDX.parse($0) }

    let packed = try plain.withUnsafeBytes { try Compression.deflate($0, .gzip, in: "test") }
    let compressed = packed.withBytes { Array($0) }
    for count in 0...compressed.count {
      try write(Array(compressed[0..<count]), to: path)
      if count == compressed.count {
        #expect(try bytes(IDX.load(path)) == [1, 2, 3, 4, 5, 6])
      } else {
        #expect(throws: EmberError.self) { _ = try IDX.load(path) }
      }
    }
    let missing = folder.file("missing.gz")
    let error = #expect(throws: EmberError.self) { _ = try IDX.load(missing) }
    #expect(error?.kind == .file && error?.message.contains(missing) == true)
    #expect(throws: EmberError.self) { _ = try IDX.load(folder.path) }
    #expect(throws: EmberError.self) { _ = try IDX.load("/dev/zero") }
  }

  @Test func zipBomb() throws {
    let zeros = [UInt8](repeating: 0, count: 4_000_000)
    let packed = try zeros.withUnsafeBytes { try Compression.deflate($0, .gzip, in: "test") }
    #expect(throws: EmberError.self) {
      _ = try packed.withBytes { try Compression.inflate($0, .gzip, limit: 1_000_000, source: "bomb", in: "test") }
    }
    let unpacked = try packed.withBytes { try Compression.inflate($0, .gzip, limit: 4_000_000, source: "fits", in: "test") }
    #expect(unpacked.count == 4_000_000)
  }

  @Test func atomicWritesLeaveTheOldFile() throws {
    let path = folder.file("a")
    try write([1, 2, 3], to: path)
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try AtomicFile.write(to: path) { file in
        try file.append([UInt8](repeating: 9, count: 1 << 20))
        throw Stop()
      }
    }
    #expect(try contents(path) == [1, 2, 3])
    #expect(folder.names == ["a"])
    #expect(throws: EmberError.self) { try write([1], to: folder.file("no/such/folder")) }
  }

  @Test func whatAKilledWriterLeftIsRemoved() async throws {
    let path = folder.file("a"), others = ["a.tmp", "a.1-x!.tmp", "b.1-2.tmp", "a.1-2"]
    try write([1, 2, 3], to: path)
    for name in others { try write([0], to: folder.file(name)) }
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      try AtomicFile.write(to: path) { file in
        try file.append([UInt8](repeating: 9, count: 1 << 20))
        kill(getpid(), SIGKILL)
      }
    }
    #expect(folder.names.count == 2 + others.count)
    try AtomicFile.write(to: path) { file in
      try file.append([4])
      // The file of a living writer stays.
      try write([5], to: path)
      #expect(folder.names.count == 2 + others.count)
    }
    #expect(try contents(path) == [4])
    #expect(folder.names == (["a"] + others).sorted())
  }

  @Test func pictures() throws {
    let pixels = (0..<5 * 3 * 3).map { UInt8($0 * 5) }
    for channels in [1, 3, 4] {
      let picture = try Picture(width: 3, height: 2, channels: channels, pixels: Array((pixels + pixels)[0..<6 * channels]))
      let path = folder.file("a.png")
      try picture.save(png: path)
      let read = try Picture(png: path)
      #expect(read.width == 3 && read.height == 2)
      if channels != 4 { #expect(read.channels == channels && read.pixels == picture.pixels) }
      let whole = try contents(path)
      for count in stride(from: 0, to: whole.count - 16, by: 7) {
        try write(Array(whole[0..<count]), to: path)
        #expect(throws: EmberError.self) { _ = try Picture(png: path) }
      }
    }
  }

  @Test func charts() {
    let chart = LineChart(title: "a < b", xLabel: "x", yLabel: "y", series: [.init("s", [(0, 1), (1, .nan), (2, 3)]), .init("t", [])])
    let svg = chart.svg()
    #expect(svg.hasPrefix("<svg") && svg.contains("a &lt; b") && !svg.contains("nan"))
  }
}
