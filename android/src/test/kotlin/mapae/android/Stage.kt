package mapae.android

import java.io.BufferedReader
import java.net.HttpURLConnection
import java.net.Socket
import java.net.URI
import java.net.URLEncoder
import java.time.Duration
import java.time.Instant
import org.json.JSONArray
import org.json.JSONObject

/** The running server of this judge, and an applicant whose phone has yet to be set up. */
object Stage {
    private val demo = JSONObject(java.io.File(env("MAPAE_DEMO")).readText())
    private val public: String = demo.getJSONObject("urls").getString("public")

    /** The door before which the phone stands. */
    val door = env("MAPAE_DOOR")

    /** Where the controller's readers connect. */
    val controller = env("MAPAE_CONTROLLER")

    private fun env(name: String) = checkNotNull(System.getenv(name)) { "$name: run this with cargo xtask interop android" }

    private fun call(path: String, body: JSONObject? = null, token: String? = null, method: String = "POST"): String {
        val connection = URI(public + path).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = method
        connection.setRequestProperty("content-type", "application/json")
        token?.let { connection.setRequestProperty("authorization", "Bearer $it") }
        if (method == "POST") {
            connection.doOutput = true
            connection.outputStream.use { it.write((body?.toString() ?: "").toByteArray()) }
        }
        check(connection.responseCode in 200..299) { "$path answered ${connection.responseCode}" }
        return connection.inputStream.use { it.readBytes().decodeToString() }
    }

    private fun messages(phone: String) =
        JSONArray(call("/demo/messages.json?to=${URLEncoder.encode(phone, "UTF-8")}", method = "GET"))

    /** The newest message to a number, once there are more than were seen. */
    private fun message(phone: String, seen: Int): String {
        val until = Instant.now() + Duration.ofSeconds(60)
        while (Instant.now() < until) {
            val messages = messages(phone)
            if (messages.length() > seen) return messages.getJSONObject(0).getString("text")
            Thread.sleep(50)
        }
        throw AssertionError("no message came to $phone")
    }

    /** Sets a phone up for the applicant of this number, as a person would, and brings its badge and gate pass. */
    fun setUp(phone: PhoneWallet, applicant: Int) {
        val person = demo.getJSONArray("standard_wallets").getJSONObject(applicant)
        val login = JSONObject().put("login", person.getString("login")).put("password", person.getString("password"))
        val token = JSONObject(call("/api/v1/portal/session", login)).getString("token")
        val code = JSONObject(call("/api/v1/portal/activation-code", token = token)).getString("code")
        val wallet = phone.begun()
        wallet.activate(person.getString("install"), code)
        val seen = messages(person.getString("phone")).length()
        wallet.proveIdentity(person.getString("name"), person.getString("rrn"))
        val otp = checkNotNull(Regex("(?<!\\d)\\d{6}(?!\\d)").find(message(person.getString("phone"), seen))).value
        wallet.provePhone(otp)
        wallet.register("482951")
        wallet.receiveBadge(null)
        wallet.renewGatePass()
    }

    /** One tap at the door: the controller's commands go to [card], its decision comes back. */
    fun tap(card: (ByteArray) -> ByteArray, seen: MutableList<ByteArray> = mutableListOf()): JSONObject {
        val (host, port) = controller.split(":")
        Socket(host, port.toInt()).use { socket ->
            socket.tcpNoDelay = true
            val lines: BufferedReader = socket.getInputStream().bufferedReader()
            fun say(line: String) = socket.getOutputStream().write("$line\n".toByteArray())
            say("door $door")
            check(lines.readLine() == "ok") { "the controller does not know the door" }
            say("card")
            while (true) {
                val line = checkNotNull(lines.readLine()) { "the controller hung up" }
                if (!line.startsWith("apdu ")) return JSONObject(line)
                val command = line.removePrefix("apdu ").chunked(2).map { it.toInt(16).toByte() }.toByteArray()
                seen += command
                say("apdu " + card(command).joinToString("") { "%02x".format(it) })
            }
        }
    }
}
