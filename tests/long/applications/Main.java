// SPDX-License-Identifier: Apache-2.0
// Direct buffers, and native code that allocates and calls back.
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
public class Main {
  static native long churn (int n);
  static native long back (int depth);
  static long visit (int depth) { return depth == 0 ? 1 : back (depth - 1) + 1; }
  public static void main (String[] arguments) throws Exception {
    System.load (arguments[0]);
    long sum = 0;
    ArrayList<ByteBuffer> keep = new ArrayList<> ();
    for (int i = 0; i < 2000; i++) { ByteBuffer b = ByteBuffer.allocateDirect (1000 + i); b.putInt (0, i); keep.add (b); sum += b.getInt (0); }
    ExecutorService pool = Executors.newFixedThreadPool (4);
    List<Future<Long>> all = new ArrayList<> ();
    for (int t = 0; t < 16; t++) all.add (pool.submit (() -> { long s = 0; for (int i = 0; i < 3000; i++) s += churn (20) + visit (i % 5); return s; }));
    for (Future<Long> f : all) sum += f.get ();
    pool.shutdown ();
    Map<String, Integer> map = new HashMap<> ();
    for (int i = 0; i < 300000; i++) map.merge ("k" + i % 1000, i % 7, Integer::sum);
    java.util.zip.Deflater d = new java.util.zip.Deflater (); byte[] in = new byte[1 << 20], out = new byte[1 << 20];
    for (int i = 0; i < in.length; i++) in[i] = (byte) (i * 31 >> 4); d.setInput (in); d.finish (); sum += d.deflate (out); d.end ();
    System.out.println (sum + " " + map.get ("k7"));
  }
}
