import EmberFormats
import EmberRuntime
import EmberTensor
import Testing

@Suite struct PickleTests {
  func parse(_ program: String) throws -> PickleValue { try parse(program.unicodeScalars.map { UInt8($0.value) }) }
  func parse(_ program: [UInt8]) throws -> PickleValue { try program.withUnsafeBytes { try Pickle.parse($0) } }

  /// The same values by every protocol of Python's.
  @Test(arguments: 0...5) func protocols(_ version: Int) throws {
    let value = try Pickle.load(Fixtures.path("protocol\(version).pkl"))
    #expect(
      value["list"]?.description
        == "[1, -2, 300, 70000, 1099511627776, 0xc00000000000000000, 1.5, inf, None, True, False]")
    #expect(value["text"]?.items?.map(\.string) == ["", "a\n'\"\\", "äß漢🎈", String(repeating: "x", count: 300)])
    #expect(value["again"]?.items?.count == 4)
    #expect(value["bytes"]?.description == "[<0 bytes>, <2 bytes>, <300 bytes>]")
    if case .bytes(let bytes) = value["bytes"]?[1] { #expect(bytes == [0, 0xFF]) } else { Issue.record("no bytes") }
    #expect(value["sets"]?.description == "[{}, {1}, {2}]")
    #expect(value["tuples"]?.description == "[(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]")
    let array = try #require(value["array"]?.tensor)
    let fortran = try #require(value["fortran"]?.tensor)
    #expect(array.dtype == .int32 && array.elements(as: Int32.self) == [0, 1, 2, 3, 4, 5] && array.shape == [2, 3])
    #expect(fortran.dtype == .float64 && fortran.elements(as: Double.self) == [0, 1, 2, 3, 4, 5] && fortran.shape == [2, 3])
    #expect(value["bools"]?.tensor?.elements(as: Bool.self) == [true, false])
    #expect(value["numbers"]?.description == "[1.5, -3, True]")
    #expect(throws: EmberError.self) { _ = try parse(try contents(Fixtures.path("protocol\(version).pkl")) + [0x4E, 0x2E]) }
  }

  /// What a hostile pickle would call. None may run, each must be named.
  @Test(arguments: [
    ("cos\nsystem\n(S'echo hacked'\ntR.", "os.system"), ("cposix\nsystem\n(S'id'\ntR.", "posix.system"),
    ("c__builtin__\neval\n(S'1+1'\ntR.", "builtins.eval"), ("cbuiltins\nexec\n(S'1'\ntR.", "builtins.exec"),
    ("cbuiltins\ngetattr\n(S'a'\nS'b'\ntR.", "builtins.getattr"), ("csubprocess\nPopen\n(S'id'\ntR.", "subprocess.Popen"),
    ("cnumpy\nload\n(S'/etc/passwd'\ntR.", "numpy.load"), ("ctorch\nload\n(S'/etc/passwd'\ntR.", "torch.load"),
    ("ctorch.nn.modules.linear\nLinear\n)\u{81}.", "torch.nn.modules.linear.Linear"), ("(S'ls'\nios\nsystem\n.", "os.system"),
    ("(cos\nsystem\nS'ls'\no.", "os.system"), ("\u{80}\u{04}\u{8C}\u{02}os\u{8C}\u{06}system\u{93}\u{8C}\u{02}id\u{85}R.", "os.system"),
    ("ccollections\nOrderedDict.__reduce__\n)R.", "collections.OrderedDict.__reduce__"),
    ("ctorch._utils\n_rebuild_qtensor\n)R.", "quantized"), ("ctorch._utils\n_rebuild_sparse_tensor\n)R.", "sparse"),
    ("c__builtin__\nint\n(S'1'\ntR.", "builtins.int"), ("carray\narray\n(S'i'\n(lp0\ntR.", "array.array"),
  ]) func namesAreRefused(_ program: String, _ name: String) throws {
    let error = #expect(throws: EmberError.self) { _ = try parse(program) }
    #expect(error?.kind == .file && error?.message.contains(name) == true, "\(String(describing: error))")
  }

  @Test(arguments: [
    // A list that holds itself; a dictionary that does; a tuple by way of a list.
    "]q\u{0}h\u{0}a.", "}q\u{0}K\u{1}h\u{0}s.", "]q\u{0}h\u{0}\u{85}a.",
    // Stack and memo that are not there.
    ".", "0.", "a.", "h\u{5}.", "t.", "u.", "(1.", "]K\u{1}s.", "K\u{1}K\u{2}a.", "\u{90}.", "(K\u{1}e.", "}(K\u{1}u.", "(]a.",
    // Calls that make no sense.
    "ccollections\nOrderedDict\nK\u{1}R.", "ccollections\nOrderedDict\n(K\u{1}tR.", "c_codecs\nencode\n(S'a'\nS'rot13'\ntR.", "]]R.",
    "ctorch\nFloatStorage\n)R.", "ctorch\nfloat32\n)R.", "K\u{1}K\u{2}b.", "S'x'\nQ.", "Pkey\n.", "\u{82}\u{1}.", "\u{97}.",
    "\u{80}\u{9}N.",
    "cnumpy\ndtype\n(S'O8'\ntR.]b.", "cnumpy.core.multiarray\n_reconstruct\n(N)R.", "cnumpy.core.multiarray\nscalar\n(K\u{1}K\u{2}tR.",
    // Lengths beyond the end.
    "X\u{FF}\u{FF}\u{FF}\u{7F}a.", "T\u{FF}\u{FF}\u{FF}\u{FF}a.", "\u{8B}\u{FF}\u{FF}\u{FF}\u{FF}a.",
    "\u{8E}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}.",
    "\u{95}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{7F}N.", "Iabc\n.", "Fx\n.", "S'a\n.", "U\u{5}abc", "", "N",
  ]) func nonsenseIsAnError(_ program: String) {
    let error = #expect(throws: EmberError.self) { _ = try parse(program) }
    #expect(error?.kind == .file || error?.kind == .dtype)
  }

  /// Each level holds the one below twice: 2^60 values in 400 bytes.
  @Test func laughterIsBounded() {
    let program = "]K\u{1}a" + String(repeating: "q\u{0}0]h\u{0}ah\u{0}a", count: 60) + "."
    #expect(throws: EmberError.self) { _ = try parse(program) }
  }

  /// A million tuples within each other, made and dropped: neither may use the machine's stack.
  @Test func depthIsBounded() throws {
    #expect(throws: EmberError.self) { _ = try parse("N" + String(repeating: "\u{85}", count: 1_000_000) + ".") }
    #expect(throws: EmberError.self) {
      _ = try parse(String(repeating: "(", count: 1_000_000) + "N" + String(repeating: "t", count: 1_000_000) + ".")
    }
    #expect(try parse("N" + String(repeating: "\u{85}", count: 1_000_000) + "0K\u{1}.").int == 1)
    #expect(try parse("N" + String(repeating: "\u{85}", count: 90) + ".").items?.count == 1)
  }

  /// A text of a megabyte that each call of a few bytes would copy.
  @Test func copiesAreBounded() {
    let text = Array("X".utf8) + [0, 0, 0x10, 0] + [UInt8](repeating: 0x61, count: 1 << 20) + Array("q\u{0}".utf8)
    let call = Array("c_codecs\nencode\nh\u{0}X\u{6}\u{0}\u{0}\u{0}latin1".utf8) + [0x86, 0x52, 0x71, 1]
    let program = text + (0..<20_000).flatMap { _ in call } + [0x2E]
    #expect(throws: EmberError.self) { _ = try parse(program) }
  }

  /// Containers that are made of another one share its members, until the next step that appends to one of them copies them all.
  @Test(arguments: ["builtins\nlist", "builtins\nset", "builtins\ntuple", "torch\nSize"])
  func copiesOfContainersAreBounded(_ name: String) throws {
    func program(rounds: Int) -> String {
      let append = name.hasSuffix("list") ? "K\u{1}a" : ""
      let made = String(repeating: "c\(name)\nh\u{0}\u{85}R\(append)0", count: rounds)
      return "(" + String(repeating: "N", count: 1 << 16) + "lq\u{0}0" + made + "K\u{1}."
    }
    #expect(try parse(program(rounds: 3)).int == 1)
    #expect(throws: EmberError.self) { _ = try parse(program(rounds: 100)) }
  }

  @Test func classesAreInertWhereAllowed() throws {
    let program = Array("cargparse\nNamespace\n)".utf8) + [0x81] + Array("}S'lr'\nF0.5\nsb.".utf8)
    #expect(throws: EmberError.self) { _ = try parse(program) }
    let value = try program.withUnsafeBytes { try Pickle.parse($0, allowedClasses: ["argparse.Namespace"]) }
    guard case .object(let object) = value else { throw EmberError(.value, in: "test", "no object") }
    #expect(object.className == "argparse.Namespace" && object.arguments.isEmpty && value["lr"]?.double == 0.5)
  }

  @Test(arguments: 0...5) func damage(_ version: Int) throws {
    checkDamaged(try contents(Fixtures.path("protocol\(version).pkl"))) { _ = try Pickle.parse($0) }
  }
}
