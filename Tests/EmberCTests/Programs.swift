import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// C and C++ programs, compiled against the library beside the tests and run.
enum Programs {
  static let repository = URL(fileURLWithPath: Checkout.root)
  static let headers = repository.appendingPathComponent("Sources/CEmber/include")
  static let sources = repository.appendingPathComponent("Tests/EmberCTests/Programs")
  static let models = repository.appendingPathComponent("Tests/Fixtures/onnx")
  static let examples = repository.appendingPathComponent("Examples/C")

  /// Where the build put library, programs and tests.
  static let products: URL = {
    #if os(Linux)
      return URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    #else
      // …/debug/EmberPackageTests.xctest/Contents/MacOS/EmberPackageTests
      return Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL.deletingLastPathComponent()
    #endif
  }()

  /// Compilers of a language that are here.
  static func compilers(_ names: [String]) -> [String] {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return names.filter { name in folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") } }
  }

  static let c = compilers(["clang", "gcc"])
  static let cpp = compilers(["clang++", "g++"])

  /// What a library built with a sanitizer needs of the programs that load it; only clang can give it.
  static let sanitizers: [String] = {
    func isLoaded(_ symbol: String) -> Bool { dlsym(dlopen(nil, RTLD_NOW), symbol) != nil }
    if isLoaded("__asan_init") { return ["-fsanitize=address"] }
    guard isLoaded("__tsan_init") else { return [] }
    // It watches libdispatch, which a program in C does not link of itself.
    return ["-fsanitize=thread", "-L\(swiftLibraries)", "-ldispatch", "-lBlocksRuntime", "-Wl,-rpath,\(swiftLibraries)"]
  }()

  /// The folder of Swift's own libraries, by what this process has loaded.
  private static var swiftLibraries: String {
    // To its end: files of the system's say that they are empty, and reading one as text stops after a page.
    let maps = FileHandle(forReadingAtPath: "/proc/self/maps")?.readDataToEndOfFile() ?? Data()
    let lines = String(decoding: maps, as: UTF8.self).split(separator: "\n")
    let library = lines.first { $0.hasSuffix("/libswiftCore.so") }?.split(separator: " ").last
    return library.map { String($0.dropLast("/libswiftCore.so".count)) } ?? "."
  }

  struct Outcome {
    var status: Int32
    var output: String
  }

  static func run(_ program: URL, _ arguments: [String], in folder: URL? = nil) throws -> Outcome {
    let process = Process(), pipe = Pipe()
    process.executableURL = program
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    process.currentDirectoryURL = folder
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }

  /// Compiles a source with all warnings as errors.
  static func compile(_ source: URL, with compiler: String, standard: String, to program: URL) throws -> Outcome {
    try run(
      URL(fileURLWithPath: "/usr/bin/env"),
      [compiler, "-std=\(standard)", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1", source.path, "-I", headers.path, "-I", sources.path]
        + sanitizers + ["-o", program.path, "-L", products.path, "-lEmberC", "-Wl,-rpath,\(products.path)", "-lpthread", "-lm"])
  }

  /// Compiles and runs a source; what it printed.
  static func outcome(of source: URL, with compiler: String, standard: String, _ arguments: [String] = []) throws -> Outcome {
    let folder = URL(fileURLWithPath: TemporaryFolder().path)
    let program = folder.appendingPathComponent("program")
    let compiled = try compile(source, with: compiler, standard: standard, to: program)
    guard compiled.status == 0 else { return compiled }
    return try run(program, arguments, in: folder)
  }
}
