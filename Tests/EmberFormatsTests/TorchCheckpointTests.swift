import EmberFormats
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@Suite struct TorchCheckpointTests {
  let folder = TemporaryFolder()

  @Test(arguments: ["zip.pt", "legacy.pt", "big-endian.pt"], [true, false]) func everyTensorIsEqual(_ file: String, mapped: Bool) throws {
    let checkpoint = try TorchCheckpoint.load(Fixtures.path(file), mapped: mapped, verified: true)
    try Fixtures.check(checkpoint.tensors, file)
    #expect(checkpoint.form == (file == "legacy.pt" ? .legacy : .zip))
    if file == "big-endian.pt" { return }
    #expect(checkpoint.value["epoch"]?.int == 3)
    #expect(checkpoint.value["optimizer"]?["betas"]?.items?.map(\.double) == [0.9, 0.999])
    #expect(
      checkpoint.value["other"]?.description
        == "[None, True, 0x400000000000000000, -1, -1099511627776, <6 bytes>, {1}, (1.0+2.0j), (1, 2), "
        + "device(cuda:0), torch.float16, \"ä\"]"
    )
  }

  /// Views share the storage they were saved with, until one of them is written.
  @Test(arguments: ["zip.pt", "legacy.pt"]) func sharedStorage(_ file: String) throws {
    let model = try #require(try TorchCheckpoint.load(Fixtures.path(file)).value["model"])
    var base = try #require(model["base"]?.tensor)
    let same = try #require(model["same"]?.tensor)
    let transposed = try #require(model["transposed"]?.tensor)
    #expect(base.storageAddress == same.storageAddress && base.storageAddress == transposed.storageAddress)
    #expect(transposed.strides[0] == 1 && transposed.strides[1] == 6)
    let before = same.elements(as: Float.self)
    base[0, 0] = Tensor(7.0)
    #expect(same.elements(as: Float.self) == before && base[0, 0].item() == 7)
  }

  @Test func stateDictIsFound() throws {
    let checkpoint = try TorchCheckpoint.load(Fixtures.path("zip.pt"))
    #expect(try checkpoint.stateDict().map(\.name) == checkpoint.value["model"]?.tensors.map(\.name))
    #expect(try checkpoint.stateDict("optimizer", "state", "0").map(\.name) == ["step"])
    let error = #expect(throws: EmberError.self) { _ = try checkpoint.stateDict("weights") }
    #expect(error?.message.contains("\"model\"") == true)
    let path = folder.file("a.pt")
    let one = PickleValue.tensor(Tensor([1.0]))
    try TorchCheckpoint.save(.dictionary(["a": .dictionary(["x": one]), "b": .dictionary(["y": one])]), to: path)
    #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path).stateDict() }
    #expect(try TorchCheckpoint.load(path).stateDict("b").map(\.name) == ["y"])
    try TorchCheckpoint.save(.dictionary(["deep": .dictionary(["er": .dictionary(["x": one])])]), to: path)
    #expect(try TorchCheckpoint.load(path).stateDict().map(\.name) == ["x"])
    try TorchCheckpoint.save(.int(3), to: path)
    #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path).stateDict() }
  }

  @Test func scriptArchive() throws {
    let checkpoint = try TorchCheckpoint.load(Fixtures.path("script.pt"))
    #expect(checkpoint.form == .torchScript)
    try Fixtures.check(try checkpoint.stateDict(), "script.pt")
    guard case .object(let module) = checkpoint.value else { throw EmberError(.value, in: "test", "no object") }
    #expect(module.className.hasSuffix("Outer") && checkpoint.value["inner"]?["rate"]?.double == 0.5)
    #expect(checkpoint.value["inner"]?["names"]?.items?.map(\.string) == ["a", "b"])
  }

  /// What Ember writes it reads; scripts/compare-checkpoints has PyTorch read it.
  @Test func roundTrip() throws {
    let path = folder.file("a.pt")
    let source = try TorchCheckpoint.load(Fixtures.path("zip.pt"))
    try TorchCheckpoint.save(source.value, to: path)
    let read = try TorchCheckpoint.load(path, verified: true)
    try Fixtures.check(read.tensors, "zip.pt")
    #expect(read.value["other"]?.description == source.value["other"]?.description)
    #expect(folder.names == ["a.pt"])
    try TorchCheckpoint.save(source.tensors, to: path)
    try Fixtures.check(try TorchCheckpoint.load(path).stateDict(), "zip.pt")
    if case .dictionary(let dictionary) = try TorchCheckpoint.load(path).value { #expect(dictionary.isOrderedDict) }
  }

  /// Tied weights are stored once; storages are aligned for readers that map the file, this one among them.
  @Test func writtenStoragesAreSharedAndAligned() throws {
    let path = folder.file("a.pt")
    let weight = Tensor([Float](repeating: 1, count: 1000))
    try TorchCheckpoint.save([("a", weight), ("b", weight), ("c", weight.reshape([10, 100])), ("d", Tensor([2.0]))], to: path)
    #expect(try contents(path).count < 6000)
    let read = try TorchCheckpoint.load(path).tensors
    #expect(read[0].tensor.storageAddress == read[2].tensor.storageAddress && read[0].tensor.storageAddress % 64 == 0)
    #expect(read[3].tensor.storageAddress % 64 == 0 && read[3].tensor.item() == 2)
    #expect(read[2].tensor.shape == [10, 100])
  }

  @Test func unwritable() {
    let path = folder.file("a.pt")
    #expect(throws: EmberError.self) { try TorchCheckpoint.save(.name("os.system"), to: path) }
    #expect(throws: EmberError.self) { try TorchCheckpoint.save(.tensor(Tensor.empty([3], on: .meta)), to: path) }
    var deep = PickleValue.none
    for _ in 0..<200 { deep = .list([deep]) }
    #expect(throws: EmberError.self) { try TorchCheckpoint.save(deep, to: path) }
    #expect(folder.names == [])
  }

  // MARK: Hostile files

  /// A zip archive with a pickle and storages, as a checkpoint has them.
  func archive(_ pickle: String, storages: [[UInt8]] = [], compressed: Bool = false) throws -> String {
    let path = folder.file("hostile.pt")
    let bytes = pickle.unicodeScalars.map { UInt8($0.value) }
    try Zip.save(
      [("archive/data.pkl", bytes)] + storages.enumerated().map { ("archive/data/\($0)", $1) }, to: path, compressed: compressed, in: "test"
    )
    return path
  }

  /// A tensor of four floats by its description in a pickle.
  func tensor(count: String = "K\u{4}", offset: String = "K\u{0}", size: String = "K\u{4}\u{85}", stride: String = "K\u{1}\u{85}") -> String
  {
    "ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\n\(count)tQ\(offset)\(size)\(stride)I00\nNtR."
  }

  @Test func tensorsStayInTheirStorage() throws {
    let storage = [UInt8](repeating: 0, count: 16)
    #expect(try TorchCheckpoint.load(try archive(tensor(), storages: [storage])).tensors[0].tensor.elementCount == 4)
    let huge = "\u{8A}\u{8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{40}"
    let minus = "J\u{FF}\u{FF}\u{FF}\u{FF}"
    for program in [
      tensor(count: "K\u{5}"), tensor(count: huge), tensor(count: minus), tensor(offset: "K\u{1}"), tensor(offset: minus),
      tensor(offset: huge),
      tensor(size: "K\u{5}\u{85}"), tensor(size: minus + "\u{85}"), tensor(size: huge + "\u{85}"), tensor(stride: "K\u{2}\u{85}"),
      tensor(stride: minus + "\u{85}"), tensor(stride: huge + "\u{85}"), tensor(size: ")"),
      tensor(size: "K\u{2}\u{85}", stride: huge + "\u{85}"),
      // A view that repeats one number 2^62 times.
      tensor(size: huge + "\u{85}", stride: "K\u{0}\u{85}"),
      tensor(size: "(" + String(repeating: "K\u{1}", count: 9) + "t", stride: "(" + String(repeating: "K\u{1}", count: 9) + "t"),
    ] {
      #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(try archive(program, storages: [storage])) }
    }
    #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(try archive(tensor())) }
  }

  /// Each view may repeat a number many times; all of a file together may not fill the memory of who makes them dense.
  @Test func repetitionIsBoundedOverTheWholeFile() throws {
    let storage = [UInt8](repeating: 0, count: 16)
    // 2^27 elements.
    let expanded = String(tensor(size: "J\u{0}\u{0}\u{0}\u{8}\u{85}", stride: "K\u{0}\u{85}").dropLast())
    for count in 1...4 {
      let path = try archive("(" + String(repeating: expanded, count: count) + "l.", storages: [storage])
      if count <= 2 {
        #expect(try TorchCheckpoint.load(path).tensors.count == count)
      } else {
        #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path) }
      }
    }
  }

  /// A deflated storage is unpacked once, whatever dtypes a file sees in it.
  @Test(arguments: [false, true]) func deflatedStoragesAreUnpackedOnce(isBigEndian: Bool) throws {
    func tensor(_ dtype: DType) -> String {
      "ctorch._utils\n_rebuild_tensor_v3\n((S'storage'\nctorch.storage\nUntypedStorage\nS'0'\nS'cpu'\nK\u{10}tQ"
        + "K\u{0}K\u{2}\u{85}K\u{1}\u{85}I00\nNctorch\n\(dtype.name)\ntR"
    }
    let dtypes: [DType] = [.uint8, .int8, .int16, .int32, .float32, .int64, .float64, .complex64]
    let pickle = "(" + dtypes.map(tensor).joined() + "l."
    let path = folder.file("several.pt")
    let entries: [(String, [UInt8])] = [
      ("archive/data.pkl", pickle.unicodeScalars.map { UInt8($0.value) }), ("archive/data/0", Array(1...16)),
      ("archive/byteorder", Array((isBigEndian ? "big" : "little").utf8)),
    ]
    try Zip.save(entries.map { (name: $0.0, contents: $0.1) }, to: path, compressed: true, in: "test")
    let tensors = try TorchCheckpoint.load(path).tensors.map(\.tensor)
    #expect(tensors.map(\.dtype) == dtypes)
    // Swapped bytes are another copy for each size of numbers.
    #expect(Set(tensors.map(\.storageAddress)).count == (isBigEndian ? 4 : 1))
    #expect(tensors[2].elements(as: Int16.self) == (isBigEndian ? [0x0102, 0x0304] : [0x0201, 0x0403]))
    #expect(tensors[3].elements(as: Int32.self) == (isBigEndian ? [0x0102_0304, 0x0506_0708] : [0x0403_0201, 0x0807_0605]))
  }

  /// Deflated entries that unpack to far more than they are.
  @Test func zipBombs() throws {
    let zeros = [UInt8](repeating: 0, count: 8 << 20)
    let path = try archive(tensor(count: "J\u{0}\u{0}\u{20}\u{0}"), storages: [zeros], compressed: true)
    #expect(try contents(path).count < 20_000)
    #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path, limit: 4 << 20) }
    #expect(try TorchCheckpoint.load(path, limit: 16 << 20).tensors.count == 1)
  }

  @Test func notACheckpoint() throws {
    let path = folder.file("a.pt")
    for (bytes, word) in [
      (Array("hello".utf8), "torch.save"), ([], "torch.save"), ([UInt8](repeating: 0, count: 257) + Array("ustar".utf8) + [0], "tar"),
    ] {
      try write(bytes, to: path)
      let error = #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path) }
      #expect(error?.message.contains(word) == true && error?.message.contains(path) == true)
    }
    try NPZ.save([("a", Tensor([1.0]))], to: path)
    let error = #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path) }
    #expect(error?.message.contains("data.pkl") == true)
    let hostile = try archive("cos\nsystem\n(S'echo hacked'\ntR.")
    #expect(#expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(hostile) }?.message.contains("os.system") == true)
  }

  @Test func checksums() throws {
    let path = folder.file("a.pt")
    let weight = Tensor([Float](repeating: 1.5, count: 100))
    try TorchCheckpoint.save([("a", weight)], to: path)
    var bytes = try contents(path)
    let pattern: [UInt8] = [0, 0, 0xC0, 0x3F, 0, 0, 0xC0, 0x3F]
    let place = try #require(bytes.indices.first { $0 + 8 <= bytes.count && Array(bytes[$0..<$0 + 8]) == pattern })
    bytes[place] ^= 1
    try write(bytes, to: path)
    #expect(try TorchCheckpoint.load(path).tensors.count == 1)
    #expect(throws: EmberError.self) { _ = try TorchCheckpoint.load(path, verified: true) }
  }

  @Test func damage() throws {
    let path = folder.file("a.pt")
    let tensors = [("a", Tensor([1.0, 2.0])), ("b", Tensor([true, false]))]
    try TorchCheckpoint.save(tensors, to: path)
    func parse(_ bytes: UnsafeRawBufferPointer) throws {
      for (_, tensor) in try TorchCheckpoint.parse(bytes).tensors { _ = try EmberFormatsTests.bytes(tensor) }
    }
    checkDamaged(try contents(path), parse)
    checkDamaged(try contents(Fixtures.path("legacy.pt")), parse)
  }
}
