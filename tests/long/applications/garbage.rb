# SPDX-License-Identifier: Apache-2.0
require 'json'; require 'zlib'; require 'digest'
h = Hash.new(0)
a = (1..60000).map { |i| { "a" => i, "b" => i.to_s * 3, "c" => [i, i + 1.5] } }
s = JSON.generate(a); b = JSON.parse(s); b.each { |x| h[x["b"].size] += 1 }
f = Fiber.new { 1000.times { |i| Fiber.yield("f" * (i * 10)) }; "end" }
n = 0; 1000.times { n += f.resume.size }
t = 4.times.map { |k| Thread.new { (1..20000).map { |i| "x" * (i % 300) }.sum(&:size) } }
z = Zlib::Deflate.deflate(s).size
r = 2000.times.sum { |i| "abc#{i}def".match(/([a-z]+)(\d+)/)[2].to_i }
puts h.size, n, t.sum(&:value), z, r, Digest::SHA256.hexdigest(s), RubyVM::YJIT.respond_to?(:enabled?)
