import Foundation
import TestSupport
import Testing

@Suite struct HeaderTests {
  private func text(_ file: String) throws -> String {
    try String(contentsOf: Programs.headers.appendingPathComponent(file), encoding: .utf8)
  }

  /// Every function that ember.h declares.
  private func declaredFunctions() throws -> [String] {
    try text("ember.h").matches(of: /EMBER_API [^(]*?(ember_\w+)\(/).map { String($0.output.1) }
  }

  /// Swift's compiler checks that functions are as the header declares them, but not that none is missing.
  @Test func everyDeclaredFunctionIsExported() throws {
    let functions = try declaredFunctions()
    #expect(functions.count > 70 && Set(functions).count == functions.count)
    let folder = TemporaryFolder()
    let source = URL(fileURLWithPath: folder.file("exports.c")), compiled = URL(fileURLWithPath: folder.file("exports"))
    let uses = functions.map { "  count += (void (*)(void))\($0) != 0;" }.joined(separator: "\n")
    try """
    #include <ember.h>
    #include <stdio.h>
    int main(void) {
      volatile int count = 0;
    \(uses)
      printf("%d\\n", count);
      return 0;
    }
    """.write(to: source, atomically: true, encoding: .utf8)
    // Compilers know that a function's address is never null.
    let outcome = try Programs.run(
      URL(fileURLWithPath: "/usr/bin/env"),
      [Programs.c[0], "-w", "-O0", source.path, "-I", Programs.headers.path] + Programs.sanitizers + [
        "-o", compiled.path, "-L", Programs.products.path, "-lEmberC", "-Wl,-rpath,\(Programs.products.path)",
      ])
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(try Programs.run(compiled, []).output == "\(functions.count)\n")
  }

  /// What is committed is what `ember c-header` makes of the operators' declarations.
  @Test func operatorsOfTheCppFaceAreThoseOfTheRegistry() throws {
    let folder = TemporaryFolder()
    let outcome = try Programs.run(Programs.products.appendingPathComponent("ember"), ["c-header", folder.path])
    #expect(outcome.status == 0, "\(outcome.output)")
    for file in ["tensor_methods.hpp", "functions.hpp"] {
      let made = try String(contentsOfFile: folder.file(file), encoding: .utf8)
      #expect(try made == text("ember/\(file)"), "run: swift run ember c-header Sources/CEmber/include/ember")
    }
  }

  @Test func theVersionIsThatOfThePythonPackage() throws {
    let package = try String(contentsOf: Programs.repository.appendingPathComponent("Python/pyproject.toml"), encoding: .utf8)
    let library = try String(contentsOf: Programs.repository.appendingPathComponent("Sources/EmberC/Library.swift"), encoding: .utf8)
    let version = try #require(package.firstMatch(of: /version = "([0-9.]+)"/)?.output.1)
    #expect(library.contains("version: StaticString = \"\(version)\""))
  }
}

@Suite struct ProgramTests {
  @Test(arguments: ["misuse", "memory", "threads", "models"]) func inC(_ name: String) throws {
    #expect(!Programs.c.isEmpty)
    for compiler in Programs.sanitizers.isEmpty ? Programs.c : ["clang"] {
      let source = Programs.sources.appendingPathComponent("\(name).c")
      let outcome = try Programs.outcome(of: source, with: compiler, standard: "c11", name == "models" ? [Programs.models.path] : [])
      #expect(outcome.status == 0 && outcome.output == "0 failures\n", "\(compiler): \(outcome.output)")
    }
  }

  @Test func inCpp() throws {
    #expect(!Programs.cpp.isEmpty)
    for compiler in Programs.sanitizers.isEmpty ? Programs.cpp : ["clang++"] {
      for standard in ["c++17", "c++20"] {
        let source = Programs.sources.appendingPathComponent("face.cpp")
        let outcome = try Programs.outcome(of: source, with: compiler, standard: standard, [Programs.models.path])
        #expect(outcome.status == 0 && outcome.output == "0 failures\n", "\(compiler), \(standard): \(outcome.output)")
      }
    }
  }
}

@Suite struct ExampleTests {
  private func output(of file: String, _ arguments: [String] = []) throws -> String {
    let (compilers, standard) = file.hasSuffix(".cpp") ? (Programs.cpp, "c++17") : (Programs.c, "c11")
    let source = Programs.examples.appendingPathComponent(file)
    let outcome = try Programs.outcome(of: source, with: compilers[0], standard: standard, arguments)
    #expect(outcome.status == 0, "\(outcome.output)")
    return outcome.output
  }

  @Test func linearRegressionFindsTheLine() throws {
    let output = try output(of: "linear_regression.c")
    let line = try #require(output.firstMatch(of: /y = ([0-9.]+) x ([-+][0-9.]+)/))
    #expect(abs(Double(line.output.1)! - 2) < 0.05 && abs(Double(line.output.2)! + 1) < 0.05, "\(output)")
    #expect(output.hasSuffix("0 handles are left\n"))
  }

  @Test func aNetworkLearnsASine() throws {
    let output = try output(of: "sine.cpp")
    let value = try #require(output.firstMatch(of: /sin\(1\) = ([0-9.]+)/)?.output.1)
    #expect(abs(Double(value)! - sin(1)) < 0.05, "\(output)")
  }

  @Test func aSavedModelRuns() throws {
    let path = Programs.models.appendingPathComponent("perceptron.onnx").path
    for file in ["model.c", "model.cpp"] {
      let output = try output(of: file, [path])
      #expect(output.hasPrefix("input x: float32 [any, 4]\n"), "\(output)")
      #expect(output.contains("label: tensor([") && output.contains("scores: tensor([["), "\(output)")
    }
    let missing = try Programs.outcome(
      of: Programs.examples.appendingPathComponent("model.c"), with: Programs.c[0], standard: "c11", ["missing.onnx"])
    #expect(missing.status == 1 && missing.output.contains("missing.onnx"))
  }

  @Test func memoryIsShared() throws {
    let output = try output(of: "dlpack.c")
    #expect(output.contains("columns: tensor([[3., 2.],\n        [6., 5.]])"))
    #expect(output.contains("table[0][2] is still 3\nthe table is no longer used\n"))
    #expect(output.contains("shared: 2 dimensions, first element 13, read-only\nagain: tensor([[13., 12.],"))
  }
}
