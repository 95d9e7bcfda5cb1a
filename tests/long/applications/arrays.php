<?php // SPDX-License-Identifier: Apache-2.0
$a = []; for ($i = 0; $i < 100000; $i++) $a[] = ["a" => $i, "b" => str_repeat ((string) $i, 3)];
$s = json_encode ($a); $b = json_decode ($s, true);
$n = 0; for ($i = 0; $i < 3000; $i++) { $n += preg_match ("/(a|b$i)+c/", "xabababc$i"); $x = new SimpleXMLElementX ($i); $n += $x->v; }
class SimpleXMLElementX { public $v; public $pad; function __construct ($i) { $this->v = $i; $this->pad = str_repeat ("y", 300000 + $i); } }
usort ($b, fn ($x, $y) => strcmp ($x["b"], $y["b"])); echo count ($b), " ", strlen ($s), " ", $n, " ", md5 ($b[7]["b"]), "\n";
