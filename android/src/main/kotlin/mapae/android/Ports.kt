package mapae.android

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.net.ConnectException
import java.net.HttpURLConnection
import java.net.NoRouteToHostException
import java.net.URI
import java.net.UnknownHostException
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import java.util.Locale
import mapae.wallet.Clock
import mapae.wallet.Http
import mapae.wallet.HttpException
import mapae.wallet.HttpHeader
import mapae.wallet.HttpMethod
import mapae.wallet.HttpRequest
import mapae.wallet.HttpResponse
import mapae.wallet.Storage
import mapae.wallet.StorageException

/** The vault's blob in a file that no backup takes along. */
class FileStorage(private val folder: File) : Storage {
    private val file = File(folder, "vault")

    override fun load(): ByteArray? = failing(0) { if (file.exists()) file.readBytes() else null }

    /** Written beside, made safe, renamed: after a loss of power the old or the new one is there, whole. */
    override fun save(blob: ByteArray) = failing(blob.size) {
        val beside = File(folder, "vault.new")
        FileOutputStream(beside).use {
            it.write(blob)
            it.fd.sync()
        }
        Files.move(beside.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
        FileChannel.open(folder.toPath(), StandardOpenOption.READ).use { it.force(true) }
    }

    private fun <T> failing(bytes: Int, work: () -> T): T = try {
        work()
    } catch (exception: IOException) {
        if (folder.usableSpace < bytes) throw StorageException.Full()
        throw StorageException.Failed(exception.javaClass.simpleName)
    }
}

/** HTTP without redirects, cookies or a cache. */
class PlainHttp : Http {
    override fun send(request: HttpRequest): HttpResponse {
        val connection = URI(request.url).toURL().openConnection() as HttpURLConnection
        try {
            connection.instanceFollowRedirects = false
            connection.useCaches = false
            connection.connectTimeout = 10_000
            connection.readTimeout = 30_000
            connection.requestMethod = if (request.method == HttpMethod.POST) "POST" else "GET"
            connection.setRequestProperty("accept-language", Locale.getDefault().toLanguageTag())
            request.headers.forEach { connection.setRequestProperty(it.name, it.value) }
            if (request.method == HttpMethod.POST) {
                connection.doOutput = true
                connection.setFixedLengthStreamingMode(request.body.size)
            }
            unreachable { connection.connect() }
            if (request.method == HttpMethod.POST) connection.outputStream.use { it.write(request.body) }
            return answer(connection, request.maxResponse.toLong())
        } catch (_: IOException) {
            throw HttpException.AnswerLost()
        } finally {
            connection.disconnect()
        }
    }

    /** Only what certainly never arrived is told as such. */
    private fun unreachable(connect: () -> Unit) = try {
        connect()
    } catch (_: ConnectException) {
        throw HttpException.Unreachable()
    } catch (_: UnknownHostException) {
        throw HttpException.Unreachable()
    } catch (_: NoRouteToHostException) {
        throw HttpException.Unreachable()
    }

    private fun answer(connection: HttpURLConnection, most: Long): HttpResponse {
        val status = connection.responseCode
        val stream = if (status < 400) connection.inputStream else connection.errorStream
        val body = stream?.use { it.readNBytes((most + 1).coerceAtMost(Int.MAX_VALUE.toLong()).toInt()) } ?: ByteArray(0)
        if (body.size > most) throw HttpException.TooLarge()
        val headers = connection.headerFields.flatMap { (name, values) ->
            if (name == null) emptyList() else values.map { HttpHeader(name.lowercase(Locale.ROOT), it) }
        }
        return HttpResponse(status.toUShort(), headers, body)
    }
}

/** The phone's clock. */
class PhoneClock : Clock {
    override fun nowMs() = System.currentTimeMillis()
}
